// Which photos of the folder show the person of a photo.

import { html, useEffect, useState } from "./preact-htm.js";
import { blob, postForm } from "./api.js";
import { number, t } from "./language.js";
import { Busy, Empty, Problem, useRequest } from "./parts.js";
import { Photo, PhotoInput, useAddress } from "./pictures.js";
import { Wire } from "./snippets.js";
import { FaceChoice } from "./try_identify.js";

const MAX_ROWS = 50;
const WHOLE_PX = 4096; // the largest size that the service shows

// `onSearch` is told whether a search is under way.
export function TryFind({ onSearch }) {
  const [file, setFile] = useState(null);
  const [chosen, setChosen] = useState(0);
  const { value, error, isBusy, run } = useRequest((img, signal) => postForm("find", { img, k: MAX_ROWS }, signal));
  const look = (photo) => {
    setFile(photo);
    setChosen(0);
    run(photo);
  };
  useEffect(() => onSearch?.(isBusy), [isBusy]);
  const rows = value?.result ?? [];
  const boxes = rows.flatMap((hits, place) =>
    hits.length ? [{ area: areaOf(hits[0], "source"), label: String(place + 1), kind: "good" }] : [],
  );
  return html`
    <p class="lead">${t("try_find_lead")}</p>
    <div class="split">
      <section aria-label=${t("photo")}>
        ${file && html`<${Photo} file=${file} faces=${boxes} alt=${t("your_photo")} />`}
        <${PhotoInput} label=${t("choose_photo")} onPhotos=${([photo]) => look(photo)} />
      </section>
      <section aria-label=${t("result")} aria-live="polite">
        <${Busy} when=${isBusy} />
        <${Problem} error=${error} />
        ${!value && !isBusy && !error && html`<${Empty}>${t("try_find_empty")}<//>`}
        ${!isBusy && value && html`<${FaceChoice} faces=${rows} chosen=${chosen} onChoose=${setChosen} />`}
        ${!isBusy && rows[chosen] && html`<${Hits} key=${chosen} hits=${rows[chosen]} pending=${value.pending} />`}
        ${value && html`<${Wire} path="find" photos=${{ img: file.name }} options=${{ k: MAX_ROWS }} answer=${value} />`}
      </section>
    </div>
  `;
}

const areaOf = (hit, whose) => ({
  x: hit[`${whose}_x`],
  y: hit[`${whose}_y`],
  w: hit[`${whose}_w`],
  h: hit[`${whose}_h`],
});

function Hits({ hits, pending }) {
  const [open, setOpen] = useState(0);
  return html`
    <h2>${hits.length === MAX_ROWS ? t("first_hits", { n: hits.length }) : t("n_hits", { n: hits.length })}</h2>
    ${pending > 0 && html`<p class="note">${t("pending", { n: pending })}</p>`}
    ${hits.length === 0 && html`<${Empty}>${t("no_hits")}<//>`}
    ${hits[open] && html`<${FoundPhoto} hit=${hits[open]} />`}
    <ol class="rows">
      ${hits.map(
        (hit, place) => html`<li>
          <button type="button" class="row" aria-pressed=${place === open} onClick=${() => setOpen(place)}>
            <span>${hit.person ?? ""} <small>${hit.identity}</small></span>
            <span class="number">${number(hit.distance, 4)}</span>
          </button>
        </li>`,
      )}
    </ol>
  `;
}

// The photo of a hit with the box of the face. A box is in pixels of the whole photo, so a smaller copy has none.
function FoundPhoto({ hit }) {
  const { value, error, isBusy, run } = useRequest((id, signal) => blob(`find/photos/${id}`, { size: WHOLE_PX }, signal));
  useEffect(() => void run(hit.photo_id), [hit.photo_id]);
  const url = useAddress(value);
  return html`
    <${Busy} when=${isBusy} />
    <${Problem} error=${error} />
    ${value &&
    html`<${Photo} url=${url} faces=${[{ area: areaOf(hit, "target"), label: "", kind: "good" }]} maxSide=${WHOLE_PX} alt=${hit.identity} />
      <p><a href=${url} target="_blank">${t("open_photo")}</a></p>`}
  `;
}
