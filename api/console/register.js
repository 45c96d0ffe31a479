// Registers a person with several photos, each of which is checked before.

import { html, useRef, useState } from "./preact-htm.js";
import { postForm } from "./api.js";
import { labelsOf } from "./gallery.js";
import { number, t } from "./language.js";
import { Problem, Tag } from "./parts.js";
import { Photo, PhotoInput } from "./pictures.js";
import { Advice } from "./try_faces.js";
import { CollectionChoice } from "./try_identify.js";

export function Register({ limits }) {
  const [name, setName] = useState("");
  const [labels, setLabels] = useState("");
  const [collection, setCollection] = useState(limits.collection ?? "default");
  const [photos, setPhotos] = useState([]);
  const [state, setState] = useState({ isBusy: false, person: null });
  const counter = useRef(0);
  const set = (id, changes) => setPhotos((all) => all.map((one) => (one.id === id ? { ...one, ...changes } : one)));
  const check = async (photo) => {
    if (!limits.scopes.includes("faces")) return;
    try {
      set(photo.id, { quality: await postForm("quality", { img: photo.file, enforce_detection: "false" }) });
    } catch (error) {
      set(photo.id, { error });
    }
  };
  const give = async (files) => {
    const added = files.map((file) => ({ id: (counter.current += 1), file }));
    setPhotos((all) => all.concat(added));
    for (const photo of added) await check(photo); // one by one: others wait for the service, too
  };
  const submit = async (event) => {
    event.preventDefault();
    setState({ isBusy: true, person: null });
    let person = null;
    for (const photo of photos.filter((one) => !one.stored)) {
      const who = person ? { person_id: person.person_id } : { name, labels: labelsOf(labels) };
      try {
        const stored = await postForm("register", { img: photo.file, ...who, collection, store_crop: "true" });
        person ??= stored;
        set(photo.id, { stored, error: null });
      } catch (error) {
        set(photo.id, { error });
      }
    }
    setState({ isBusy: false, person });
  };
  return html`
    <p class="lead">${t("register_lead")}</p>
    <form class="split" onSubmit=${submit}>
      <section aria-label=${t("person")}>
        <label>${t("name")}<input value=${name} maxlength="200" required onInput=${(event) => setName(event.target.value)} /></label>
        <label>${t("labels")}<input value=${labels} placeholder="team=blue, site=3" onInput=${(event) => setLabels(event.target.value)} /></label>
        ${!limits.collection && html`<${CollectionChoice} collection=${collection} onChange=${setCollection} />`}
        <${PhotoInput} label=${t("choose_photos")} several=${true} onPhotos=${give} />
        <button type="submit" disabled=${state.isBusy || !photos.some((one) => !one.stored)} aria-busy=${state.isBusy}>
          ${t("register_n", { n: photos.filter((one) => !one.stored).length })}
        </button>
      </section>
      <section aria-label=${t("photos")} aria-live="polite">
        ${state.person?.person_id &&
        html`<p class="note good" role="status">${t("registered", { name: state.person.name ?? name })} <a href=${`#/people/${state.person.person_id}`}>${t("show_person")}</a></p>`}
        <ul class="photo-cards">
          ${photos.map((photo) => html`<${PhotoCard} key=${photo.id} photo=${photo} least=${limits.min_quality} onRemove=${() => setPhotos((all) => all.filter((one) => one !== photo))} />`)}
        </ul>
      </section>
    </form>
  `;
}

function PhotoCard({ photo, least, onRemove }) {
  const { quality, error, stored } = photo;
  const face = quality?.result[0];
  const isGood = quality?.acceptable && face?.quality.score >= least;
  const boxes = (quality?.result ?? [])
    .filter((one) => !one.reasons.includes("no_face"))
    .map((one) => ({ area: one.facial_area, label: "", kind: isGood ? "good" : "warn" }));
  return html`<li>
    <${Photo} file=${photo.file} faces=${boxes} alt=${photo.file.name} />
    <div>
      ${stored && html`<${Tag} kind="good">${t("stored")}<//>`}
      ${!stored && quality && html`<${Tag} kind=${isGood ? "good" : "warn"}>${t("quality")} ${number(face?.quality.score ?? 0, 2)}<//>`}
      ${!stored && !quality && !error && html`<small aria-busy="true">${t("checking")}</small>`}
      ${!stored && quality && html`<${Advice} reasons=${quality.reasons} />`}
      <${Problem} error=${error} />
      ${!stored && html`<button type="button" class="small quiet" onClick=${onRemove}>${t("remove")}</button>`}
    </div>
  </li>`;
}
