// Chooses a person by name.

import { html, useEffect, useState } from "./preact-htm.js";
import { get } from "./api.js";
import { t } from "./language.js";
import { Busy, Empty, Problem, useRequest } from "./parts.js";
import { Thumbnail } from "./thumbnails.js";

const MAX_ROWS = 20;
const TYPING_MS = 250;

export function PersonSearch({ collection, without, onChoose }) {
  const [name, setName] = useState("");
  const { value, error, isBusy, run } = useRequest((text, signal) =>
    get("persons", { name: text, collection, limit: MAX_ROWS + 1 }, signal),
  );
  useEffect(() => {
    const timer = setTimeout(() => run(name), TYPING_MS);
    return () => clearTimeout(timer);
  }, [name]);
  const found = (value?.persons ?? []).filter(({ id }) => id !== without).slice(0, MAX_ROWS);
  return html`
    <label>${t("name_contains")}<input type="search" value=${name} maxlength="200" onInput=${(event) => setName(event.target.value)} /></label>
    <${Busy} when=${isBusy} />
    <${Problem} error=${error} />
    ${value && !isBusy && found.length === 0 && html`<${Empty}>${t("nobody")}<//>`}
    <ul class="rows">
      ${found.map(
        (person) => html`<li key=${person.id}>
          <button type="button" class="row" onClick=${() => onChoose(person)}>
            <${Thumbnail} id=${person.cover_face_id} hasCrop=${person.has_crop} name=${person.name} />
            <span>${person.name}</span>
          </button>
        </li>`,
      )}
    </ul>
  `;
}
