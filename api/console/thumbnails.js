// The crops of stored faces: one request for all that a screen shows, kept in memory while the page is open.

import { html, useEffect, useState } from "./preact-htm.js";
import { post } from "./api.js";
import { t } from "./language.js";

const MAX_IDS = 100; // of one request
const MAX_KEPT = 2000;
const SIZE_PX = 160;
const GATHERING_MS = 60; // so that the faces of one screen are asked for together

const kept = new Map(); // data URIs by the ID of a face; null for a face without a crop
const waiting = new Map(); // listeners by the ID of a face that is still to be asked for
let timer = null;

export const forgetThumbnails = () => kept.clear();

function ask(id, listener) {
  if (!waiting.has(id)) waiting.set(id, new Set());
  waiting.get(id).add(listener);
  timer ??= setTimeout(askForAll, GATHERING_MS);
}

async function askForAll() {
  timer = null;
  const asked = [...waiting].slice(0, MAX_IDS);
  asked.forEach(([id]) => waiting.delete(id));
  if (waiting.size) timer = setTimeout(askForAll, GATHERING_MS);
  const ids = asked.map(([id]) => id);
  if (!ids.length) return; // the cards have left the screen
  try {
    const { crops } = await post("faces/crops", { ids, size: SIZE_PX });
    const found = new Map(crops.map((crop) => [crop.id, crop.image]));
    ids.forEach((id) => kept.set(id, found.get(id) ?? null));
    [...kept.keys()].slice(0, Math.max(0, kept.size - MAX_KEPT)).forEach((id) => kept.delete(id));
  } catch {
    return; // the next screen asks again
  }
  asked.forEach(([, listeners]) => listeners.forEach((listener) => listener()));
}

// The crop of a face, or the initials of the person in its place.
export function Thumbnail({ id, hasCrop = true, name = "", isLarge = false }) {
  const [, redraw] = useState(0);
  useEffect(() => {
    if (!id || !hasCrop || kept.has(id)) return undefined;
    const listener = () => redraw((times) => times + 1);
    ask(id, listener);
    return () => {
      waiting.get(id)?.delete(listener);
      if (waiting.get(id)?.size === 0) waiting.delete(id);
    };
  }, [id, hasCrop]);
  const image = kept.get(id);
  const kind = isLarge ? "thumbnail large" : "thumbnail";
  if (image) return html`<img class=${kind} src=${image} alt=${t("face_of", { name })} />`;
  return html`<span class=${kind} aria-hidden="true">${initials(name)}</span>`;
}

const initials = (name) =>
  name
    .split(/\s+/)
    .slice(0, 2)
    .map((word) => [...word][0] ?? "")
    .join("")
    .toUpperCase();
