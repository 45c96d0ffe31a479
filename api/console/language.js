// The texts of the console in the language of the browser, or the one that was chosen.

import * as en from "./text.en.js";
import * as de from "./text.de.js";

const CHOSEN = "face-service-language";
export const LANGUAGES = { en: "English", de: "Deutsch" };
const TEXTS = { en: en.TEXT, de: de.TEXT };

const preferred = navigator.languages.map((tag) => tag.slice(0, 2)).find((tag) => tag in LANGUAGES);
export const language = localStorage.getItem(CHOSEN) in LANGUAGES ? localStorage.getItem(CHOSEN) : (preferred ?? "en");

export function choose(tag) {
  localStorage.setItem(CHOSEN, tag);
  location.reload();
}

const plural = new Intl.PluralRules(language);

// The text of this name, with values in place of {names}. A text with forms has one for the number `n`.
export function t(name, values = {}) {
  const found = TEXTS[language][name];
  if (found === undefined) throw new Error(`no text ${name}`);
  const text = typeof found === "string" ? found : found[plural.select(values.n)];
  return text.replace(/{(\w+)}/g, (_, value) => shown(values[value]));
}

const shown = (value) => (typeof value === "number" ? number(value) : String(value));

// The text of a code of the service; the code itself if it has none.
export const tOr = (name, otherwise) => TEXTS[language][name] ?? otherwise;

export const number = (value, digits = 0) =>
  new Intl.NumberFormat(language, { maximumFractionDigits: digits, minimumFractionDigits: digits }).format(value);
export const percent = (value, digits = 0) =>
  new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: digits }).format(value);
export const moment = (text) =>
  text ? new Intl.DateTimeFormat(language, { dateStyle: "medium", timeStyle: "short" }).format(new Date(text)) : "";
export const day = (text) =>
  text ? new Intl.DateTimeFormat(language, { dateStyle: "medium" }).format(new Date(text)) : "";

export function bytes(value) {
  const units = ["byte", "kilobyte", "megabyte", "gigabyte"];
  const power = Math.min(units.length - 1, Math.floor(Math.log10(Math.max(1, value)) / 3));
  const style = { style: "unit", unit: units[power], maximumFractionDigits: power > 1 ? 1 : 0 };
  return new Intl.NumberFormat(language, style).format(value / 1000 ** power);
}

export function duration(seconds) {
  if (seconds < 90) return t("seconds", { n: Math.max(1, Math.round(seconds)) });
  if (seconds < 5400) return t("minutes", { n: Math.round(seconds / 60) });
  return t("hours", { n: number(seconds / 3600, 1) });
}
