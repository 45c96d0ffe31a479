// Which persons of the gallery a photo shows.

import { html, useState } from "./preact-htm.js";
import { get, postForm } from "./api.js";
import { percent, t } from "./language.js";
import { Busy, Empty, Problem, Tag, useLoaded, useRequest } from "./parts.js";
import { Photo, PhotoInput } from "./pictures.js";
import { Wire } from "./snippets.js";
import { Thumbnail } from "./thumbnails.js";
import { Scale } from "./try_verify.js";

const TOP_K = 5;
const KINDS = { match: "good", ambiguous: "warn", unknown: "" };

export function TryIdentify({ limits }) {
  const [file, setFile] = useState(null);
  const [collection, setCollection] = useState(limits.collection ?? "default");
  const [chosen, setChosen] = useState(0);
  const request = (img, name, signal) => postForm("identify", { img, collection: name, top_k: TOP_K }, signal);
  const { value, error, isBusy, run } = useRequest(request);
  const look = (photo, name) => {
    setFile(photo);
    setChosen(0);
    run(photo, name);
  };
  const faces = value?.result ?? [];
  const boxes = faces.map((face, place) => ({
    area: face.facial_area,
    label: face.decision === "match" ? face.matches[0].name : String(place + 1),
    kind: KINDS[face.decision],
  }));
  return html`
    <p class="lead">${t("try_identify_lead")}</p>
    <div class="split">
      <section aria-label=${t("photo")}>
        ${file && html`<${Photo} file=${file} faces=${boxes} chosen=${chosen} onChoose=${setChosen} alt=${t("your_photo")} />`}
        <${PhotoInput} label=${t("choose_photo")} onPhotos=${([photo]) => look(photo, collection)} />
        <${CollectionChoice}
          collection=${collection}
          onChange=${(name) => {
            setCollection(name);
            if (file) look(file, name);
          }}
        />
      </section>
      <section aria-label=${t("result")} aria-live="polite">
        <${Busy} when=${isBusy} />
        <${Problem} error=${error} />
        ${!value && !isBusy && !error && html`<${Empty}>${t("try_identify_empty")}<//>`}
        ${!isBusy && faces.length > 0 && html`<${FaceChoice} faces=${faces} chosen=${chosen} onChoose=${setChosen} />`}
        ${!isBusy && faces[chosen] && html`<${Decision} face=${faces[chosen]} />`}
        ${value?.not_compared && html`<p class="note">${t("not_compared", { n: value.not_compared.persons })}</p>`}
        ${value && html`<${Wire} path="identify" photos=${{ img: file.name }} options=${{ collection, top_k: TOP_K }} answer=${value} />`}
      </section>
    </div>
  `;
}

export function CollectionChoice({ collection, onChange, all = false }) {
  const { value } = useLoaded((signal) => get("collections", {}, signal), []);
  const names = [...new Set([...(all ? [] : ["default"]), ...(value?.collections ?? []).map(({ name }) => name), collection])];
  return html`<label>
    ${t("collection")}
    <select value=${collection} onChange=${(event) => onChange(event.target.value)}>
      ${all && html`<option value="">${t("all_collections")}</option>`}
      ${names.filter(Boolean).map((name) => html`<option value=${name}>${name}</option>`)}
    </select>
  </label>`;
}

export const FaceChoice = ({ faces, chosen, onChoose }) =>
  faces.length > 1 &&
  html`<div class="buttons" role="group" aria-label=${t("faces")}>
    ${faces.map(
      (_, place) => html`<button type="button" class="small ${place === chosen ? "" : "secondary"}" aria-pressed=${place === chosen} onClick=${() => onChoose(place)}>
        ${t("face_n", { n: place + 1 })}
      </button>`,
    )}
  </div>`;

const Decision = ({ face }) => html`
  <h2><${Tag} kind=${KINDS[face.decision]}>${t(`decision_${face.decision}`)}<//></h2>
  <p lang="en">${face.reason}</p>
  <ol class="hits">
    ${face.matches.map(
      (match) => html`<li>
        <${Thumbnail} id=${match.face_id} name=${match.name} />
        <div>
          <a href=${`#/people/${match.person_id}`}>${match.name}</a>
          <${Scale} distance=${match.distance} threshold=${match.threshold} />
          ${match.confidence !== undefined && html`<small>${t("confidence")} ${percent(match.confidence / 100, 1)}</small>`}
        </div>
      </li>`,
    )}
  </ol>
`;
