// Photo folder: its indexes, and what is not in them.

import { html, useEffect, useRef, useState } from "./preact-htm.js";
import { get } from "./api.js";
import { bytes, duration, number, t, tOr } from "./language.js";
import { Busy, Empty, Problem, Tag, useLoaded } from "./parts.js";
import { TryFind } from "./try_find.js";

const LOOK_AGAIN_MS = 4000; // while an index is being built
const KINDS = { ready: "good", building: "warn", failed: "bad", kept: "warn", stored: "" };

export function Folder() {
  const [isSearching, setSearching] = useState(false); // a search may build an index
  const { value, error, isBusy, run } = useLoaded((signal) => get("find/indexes", { failed: "true" }, signal), [isSearching]);
  const isBuilding = value?.indexes.some(({ state, pending }) => state === "building" || pending > 0);
  useEffect(() => {
    if (!isBuilding && !isSearching) return undefined;
    const timer = setTimeout(run, LOOK_AGAIN_MS);
    return () => clearTimeout(timer);
  }, [value]);
  return html`
    <h1>${t("screen_folder")}</h1>
    <${TryFind} onSearch=${setSearching} />
    <h2>${t("indexes")}</h2>
    <${Busy} when=${isBusy && !value} />
    <${Problem} error=${error} />
    ${value && value.indexes.length === 0 && html`<${Empty}>${t("no_index")}<//>`}
    ${value && html`<div class="indexes">${value.indexes.map((index) => html`<${Index} key=${index.name} index=${index} />`)}</div>`}
  `;
}

function Index({ index }) {
  const left = useTimeLeft(index);
  const failures = Object.entries(index.failed);
  return html`<article class="index">
    <header>
      <h3>${index.model} <small>${index.detector_backend}</small></h3>
      <${Tag} kind=${KINDS[index.state]}>${t(`index_${index.state}`)}<//>
    </header>
    <p><code>${index.name}</code></p>
    ${index.state === "building" &&
    html`<progress value=${index.done} max=${Math.max(1, index.total)} aria-label=${t("index_building")}></progress>
      <p role="status">${t("index_progress", { done: index.done, total: index.total })} ${left !== null && t("time_left", { time: duration(left) })}</p>`}
    <dl class="facts">
      <dt>${t("photos")}</dt><dd>${number(index.photos)}</dd>
      <dt>${t("faces")}</dt><dd>${number(index.faces)}</dd>
      ${index.pending !== undefined && html`<dt>${t("waiting")}</dt><dd>${number(index.pending)}</dd>`}
      ${index.bytes !== undefined && html`<dt>${t("file_size")}</dt><dd>${bytes(index.bytes)}</dd>`}
      ${index.age_s !== undefined && html`<dt>${t("saved_before")}</dt><dd>${duration(index.age_s)}</dd>`}
    </dl>
    ${failures.map(([reason, count]) => html`<${Failure} reason=${reason} count=${count} failures=${index.failures ?? []} />`)}
  </article>`;
}

function Failure({ reason, count, failures }) {
  const named = failures.filter((failure) => failure.reason === reason);
  return html`<details>
    <summary>${tOr(`failed_${reason}`, reason)}: ${number(count)}</summary>
    <ul class="names">${named.map(({ photo }) => html`<li>${photo}</li>`)}</ul>
    ${named.length < count && html`<small>${t("and_more", { n: count - named.length })}</small>`}
  </details>`;
}

// The seconds that a build still takes at its pace since the screen first saw it; null until there is a pace.
function useTimeLeft({ state, done, total }) {
  const start = useRef(null);
  if (state !== "building") start.current = null;
  else start.current ??= { at: performance.now(), done };
  if (!start.current || done <= start.current.done) return null;
  const perPhoto = (performance.now() - start.current.at) / 1000 / (done - start.current.done);
  return perPhoto * (total - done);
}
