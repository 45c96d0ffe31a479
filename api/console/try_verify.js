// Whether two photos show the same person.

import { html, useEffect, useState } from "./preact-htm.js";
import { postForm } from "./api.js";
import { number, percent, t } from "./language.js";
import { Busy, Empty, Problem, Tag, useRequest } from "./parts.js";
import { Photo, PhotoInput } from "./pictures.js";
import { Wire } from "./snippets.js";

export function TryVerify() {
  const [files, setFiles] = useState([null, null]);
  const { value, error, isBusy, run, clear } = useRequest((img1, img2, signal) => postForm("verify", { img1, img2 }, signal));
  useEffect(() => {
    if (files[0] && files[1]) run(files[0], files[1]);
    else clear();
  }, files);
  const give = (place) => (photos) => setFiles((before) => before.map((file, at) => photos[at - place] ?? file));
  const box = (name) => (value ? [{ area: value.facial_areas[name], label: "", kind: value.verified ? "good" : "bad" }] : []);
  return html`
    <p class="lead">${t("try_verify_lead")}</p>
    <div class="pair">
      ${["img1", "img2"].map(
        (name, place) => html`<section aria-label=${t("photo_n", { n: place + 1 })}>
          ${files[place] && html`<${Photo} file=${files[place]} faces=${box(name)} alt=${t("photo_n", { n: place + 1 })} />`}
          <${PhotoInput}
            label=${t("photo_n", { n: place + 1 })}
            several=${place === 0}
            takesPaste=${place === 0 ? !files[0] : Boolean(files[0])}
            onPhotos=${give(place)}
          />
        </section>`,
      )}
    </div>
    <section aria-label=${t("result")} aria-live="polite">
      <${Busy} when=${isBusy} />
      <${Problem} error=${error} />
      ${!value && !isBusy && !error && html`<${Empty}>${t("try_verify_empty")}<//>`}
      ${value && html`<${Verdict} value=${value} />`}
      ${value && html`<${Wire} path="verify" photos=${{ img1: files[0].name, img2: files[1].name }} answer=${value} />`}
    </section>
  `;
}

const Verdict = ({ value }) => html`
  <h2>
    <${Tag} kind=${value.verified ? "good" : "bad"}>${value.verified ? t("same_person") : t("other_person")}<//>
  </h2>
  <${Scale} distance=${value.distance} threshold=${value.threshold} />
  <dl class="facts">
    <dt>${t("distance")}</dt><dd>${number(value.distance, 4)}</dd>
    <dt>${t("threshold")}</dt><dd>${number(value.threshold, 4)} (${t(`threshold_${value.threshold_source}`)})</dd>
    ${value.confidence !== undefined && html`<dt>${t("confidence")}</dt><dd>${percent(value.confidence / 100, 1)}</dd>`}
    <dt>${t("model")}</dt><dd>${value.model}, ${value.detector_backend}, ${value.similarity_metric}</dd>
  </dl>
`;

const WIDTH = 600;
const RADIUS = 9; // of the distance's mark

// The distance on a scale: left of the threshold is the same person.
export function Scale({ distance, threshold }) {
  const end = Math.max(2 * threshold, distance * 1.15);
  const at = (value) => Math.min(WIDTH - RADIUS, Math.max(RADIUS, (value / end) * WIDTH));
  const words = t("scale", { distance: number(distance, 4), threshold: number(threshold, 4) });
  return html`<svg class="scale" viewBox="0 -26 ${WIDTH} 62" role="img" aria-label=${words}>
    <rect class="same" x="0" y="0" width=${at(threshold)} height="10" rx="5" />
    <rect class="other" x=${at(threshold)} y="0" width=${WIDTH - at(threshold)} height="10" rx="5" />
    <line x1=${at(threshold)} x2=${at(threshold)} y1="-4" y2="16" />
    <text x=${at(threshold)} y="32" text-anchor="middle">${t("threshold")} ${number(threshold, 3)}</text>
    <circle class=${distance <= threshold ? "same" : "other"} cx=${at(distance)} cy="5" r=${RADIUS} />
    <text x=${Math.min(WIDTH - 30, Math.max(30, at(distance)))} y="-12" text-anchor="middle">${number(distance, 3)}</text>
  </svg>`;
}
