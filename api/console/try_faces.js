// The faces of a photo: boxes, landmarks, quality, attributes and liveness.

import { html, useState } from "./preact-htm.js";
import { get, postForm } from "./api.js";
import { number, percent, t, tOr } from "./language.js";
import { Bar, Busy, Empty, Problem, Tag, useLoaded, useRequest } from "./parts.js";
import { Photo, PhotoInput } from "./pictures.js";
import { Wire } from "./snippets.js";

const OPTIONS = { enforce_detection: "false" }; // a photo without a face is no error

const key = ({ x, y, w, h }) => [x, y, w, h].join();

// What each endpoint says about the same faces, which all find with the same options.
async function lookAt(file, abilities, isLive, signal) {
  const asked = { img: file, ...OPTIONS };
  const quality = postForm("quality", asked, signal);
  const { hasAttributes } = abilities ?? (await readAbilities(signal));
  const [analyzed, extracted] = await Promise.allSettled([
    hasAttributes ? postForm("analyze", asked, signal) : null,
    isLive ? postForm("extract", { ...asked, anti_spoofing: "true" }, signal) : null,
  ]);
  return { quality: await quality, analyzed: valueOf(analyzed), live: valueOf(extracted) };
}

// What the installed models can tell; what they cannot is not asked for.
async function readAbilities(signal) {
  const { models } = await get("models", {}, signal);
  const has = (task) => models.some((model) => model.task === task && model.installed && model.allowed);
  return { hasAttributes: has("attribute"), hasLiveness: has("liveness") };
}

const valueOf = ({ value, reason }) => ({ answer: value, error: reason });

function facesOf({ quality, analyzed, live }) {
  const attributes = new Map((analyzed.answer?.result ?? []).map((face) => [key(face.region), face]));
  const alive = new Map((live.answer?.result ?? []).map((face) => [key(face.facial_area), face]));
  return quality.result
    .filter((face) => !face.reasons.includes("no_face"))
    .map((face) => ({
      ...face,
      attributes: attributes.get(key(face.facial_area)),
      live: alive.get(key(face.facial_area)),
    }));
}

export function TryFaces() {
  const [file, setFile] = useState(null);
  const [isLive, setLive] = useState(false);
  const [chosen, setChosen] = useState(0);
  const { value: abilities } = useLoaded(readAbilities, []);
  const { value, error, isBusy, run } = useRequest(lookAt);
  const look = (photo, live) => {
    setFile(photo);
    setChosen(0);
    run(photo, abilities, live);
  };
  const faces = value ? facesOf(value) : [];
  const boxes = faces.map((face, place) => ({ area: face.facial_area, label: String(place + 1), kind: kindOf(face) }));
  return html`
    <p class="lead">${t("try_faces_lead")}</p>
    <div class="split">
      <section aria-label=${t("photo")}>
        ${file && html`<${Photo} file=${file} faces=${boxes} chosen=${chosen} onChoose=${setChosen} alt=${t("your_photo")} />`}
        <${PhotoInput} label=${t("choose_photo")} onPhotos=${([photo]) => look(photo, isLive)} />
        ${abilities?.hasLiveness &&
        html`<label class="switch">
          <input
            type="checkbox"
            role="switch"
            checked=${isLive}
            onChange=${(event) => {
              setLive(event.target.checked);
              if (file) look(file, event.target.checked);
            }}
          />
          ${t("check_liveness")}
        </label>`}
      </section>
      <section aria-label=${t("result")} aria-live="polite">
        <${Busy} when=${isBusy} />
        <${Problem} error=${error} />
        ${!value && !isBusy && !error && html`<${Empty}>${t("try_faces_empty")}<//>`}
        ${value && !isBusy && html`<${Found} value=${value} faces=${faces} chosen=${chosen} onChoose=${setChosen} />`}
        ${value && html`<${Wire} path=${value.analyzed.answer ? "analyze" : "quality"} photos=${{ img: file.name }} options=${OPTIONS} answer=${value.analyzed.answer ?? value.quality} />`}
      </section>
    </div>
  `;
}

const kindOf = ({ live }) => (live?.is_real === false ? "bad" : "");

function Found({ value, faces, chosen, onChoose }) {
  const missing = Object.entries(value.analyzed.answer?.unavailable ?? {}).map(([name]) => t(`attribute_${name}`));
  return html`
    <h2>${t("n_faces", { n: faces.length })}</h2>
    <ol class="faces">
      ${faces.map(
        (face, place) => html`<li class=${place === chosen ? "chosen" : ""}>
          <button type="button" class="heading" aria-expanded=${place === chosen} onClick=${() => onChoose(place)}>
            <strong>${t("face_n", { n: place + 1 })}</strong>
            <${Tag} kind=${face.reasons.length ? "warn" : "good"}>${face.reasons.length ? t("not_for_gallery") : t("for_gallery")}<//>
            ${face.live?.is_real !== undefined &&
            html`<${Tag} kind=${face.live.is_real ? "good" : "bad"}>${face.live.is_real ? t("live") : t("not_live")}<//>`}
          </button>
          ${place === chosen && html`<${Details} face=${face} />`}
        </li>`,
      )}
    </ol>
    ${missing.length > 0 && html`<p class="note">${t("attributes_missing", { names: missing.join(", ") })}</p>`}
    ${!value.analyzed.answer && html`<p class="note">${t("no_attributes")} <span lang="en">${value.analyzed.error?.message}</span></p>`}
    ${value.live.error && html`<${Problem} error=${value.live.error} />`}
  `;
}

function Details({ face }) {
  const { quality, attributes, live } = face;
  return html`
    <${Bar} label=${t("quality")} value=${quality.score} words=${number(quality.score, 2)} kind=${face.reasons.length ? "warn" : ""} />
    <${Bar} label=${t("detector_confidence")} value=${face.face_confidence} words=${percent(face.face_confidence)} />
    ${live?.antispoof_score !== undefined &&
    html`<${Bar} label=${t("liveness")} value=${live.antispoof_score} words=${number(live.antispoof_score, 2)} />`}
    <dl class="facts">
      <dt>${t("size")}</dt><dd>${number(quality.size_px)} px</dd>
      <dt>${t("sharpness")}</dt><dd>${number(quality.sharpness)}</dd>
      <dt>${t("brightness")}</dt><dd>${number(quality.brightness)}</dd>
      ${quality.turn !== undefined && html`<dt>${t("turn")}</dt><dd>${number(quality.turn, 2)}</dd>`}
    </dl>
    <${Advice} reasons=${face.reasons} />
    ${attributes && html`<${Attributes} face=${attributes} />`}
  `;
}

export const Advice = ({ reasons }) =>
  reasons.length > 0 &&
  html`<ul class="advice">
    ${reasons.map((reason) => html`<li>${tOr(`reason_${reason}`, reason)}</li>`)}
  </ul>`;

function Attributes({ face }) {
  const groups = ["gender", "emotion", "race"].filter((name) => face[name]);
  return html`
    ${face.age !== undefined &&
    html`<p class="age">${t("age_about", { n: face.age })} ${face.age_range && face.age_range[0] < face.age_range[1] && t("age_range", { from: face.age_range[0], to: face.age_range[1] })}</p>`}
    ${groups.map(
      (name) => html`<h3>${t(`attribute_${name}`)}</h3>
        ${Object.entries(face[name])
          .sort(([, one], [, other]) => other - one)
          .slice(0, 3)
          .map(([kind, share]) => html`<${Bar} label=${tOr(`value_${kind.replaceAll(" ", "_")}`, kind)} value=${share / 100} words=${percent(share / 100)} />`)}`,
    )}
  `;
}
