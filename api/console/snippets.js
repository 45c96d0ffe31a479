// The request of a screen as curl and Python, to copy.

import { html } from "./preact-htm.js";
import { address, keyOfTab } from "./api.js";
import { t } from "./language.js";
import { Copyable } from "./parts.js";

const shell = (text) => `'${text.replaceAll("'", `'\\''`)}'`;

// curl takes a list of files, and options after a semicolon, unless the name is quoted.
const nameForCurl = (file) => (/[,;"\\]/.test(file) ? `"${file.replaceAll(/["\\]/g, "\\$&")}"` : file);

// `photos` are file names by field; `options` are texts and numbers by field.
export function curl(path, photos, options) {
  const key = keyOfTab() ? ` \\\n  -H "X-API-Key: $KEY"` : "";
  const files = Object.entries(photos).map(([name, file]) => ` \\\n  -F ${shell(`${name}=@${nameForCurl(file)}`)}`);
  const fields = Object.entries(options).map(([name, value]) => ` \\\n  -F ${shell(`${name}=${value}`)}`);
  return `curl${key}${files.join("")}${fields.join("")} \\\n  ${shell(address(path).href)}`;
}

export function python(path, photos, options) {
  const lines = [...(keyOfTab() ? ["import os", ""] : []), "import requests", ""];
  const files = Object.entries(photos).map(([name, file]) => `"${name}": open(${JSON.stringify(file)}, "rb")`);
  lines.push(`files = {${files.join(", ")}}`);
  const fields = Object.entries(options).map(([name, value]) => `"${name}": ${JSON.stringify(String(value))}`);
  const given = fields.length ? `, data={${fields.join(", ")}}` : "";
  const key = keyOfTab() ? `, headers={"X-API-Key": os.environ["KEY"]}` : "";
  lines.push(`answer = requests.post("${address(path).href}", files=files${given}${key}, timeout=60)`);
  lines.push("print(answer.json())");
  return `${lines.join("\n")}\n`;
}

// The request and its answer, folded away.
export const Wire = ({ path, photos, options = {}, answer }) =>
  html`<details class="wire">
    <summary>${t("request_and_answer")}</summary>
    <${Copyable} label="curl" text=${curl(path, photos, options)} />
    <${Copyable} label="Python" text=${python(path, photos, options)} />
    ${answer && html`<${Copyable} label=${t("answer_json")} text=${JSON.stringify(shortened(answer), null, 1)} />`}
  </details>`;

const MAX_TEXT = 120; // characters; a crop as base64 has some thousands

function shortened(value) {
  if (typeof value === "string" && value.length > MAX_TEXT) return `${value.slice(0, MAX_TEXT)}…`;
  if (Array.isArray(value)) return value.map(shortened);
  if (value && typeof value === "object") {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, shortened(one)]));
  }
  return value;
}
