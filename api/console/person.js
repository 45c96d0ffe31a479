// One person: the faces, and what can be changed.

import { html, useState } from "./preact-htm.js";
import { get, patch, post, remove } from "./api.js";
import { day, moment, number, t } from "./language.js";
import { Busy, Confirm, Dialog, Problem, Tag, useLoaded, useRequest } from "./parts.js";
import { labelsOf, mayWrite, textOfLabels } from "./gallery.js";
import { PersonSearch } from "./person_search.js";
import { Thumbnail } from "./thumbnails.js";

const PAGE = 100; // faces of one request, as many as have their crops in one answer

// The person with the faces of the first `pages` pages.
async function readPerson(id, pages, signal) {
  const person = await get(`persons/${id}`, { limit: PAGE }, signal);
  for (let read = 1; read < pages && person.next_cursor; read += 1) {
    const page = await get(`persons/${id}`, { limit: PAGE, cursor: person.next_cursor }, signal);
    person.face_list.push(...page.face_list);
    person.next_cursor = page.next_cursor;
  }
  return person;
}

export function Person({ id, limits }) {
  const [pages, setPages] = useState(1);
  const { value: person, error, isBusy, run } = useLoaded((signal) => readPerson(id, pages, signal), [id, pages]);
  const [dialog, setDialog] = useState(null);
  const [receipt, setReceipt] = useState(null);
  const isWriter = mayWrite(limits);
  const close = () => setDialog(null);
  const changed = () => {
    close();
    run();
  };
  if (receipt) return html`<${Receipt} receipt=${receipt} />`;
  return html`
    <p><a href="#/people">← ${t("all_people")}</a></p>
    <${Busy} when=${isBusy && !person} />
    <${Problem} error=${error} />
    ${person &&
    html`
      <div class="title">
        <${Thumbnail} id=${person.cover_face_id} hasCrop=${person.has_crop} name=${person.name} isLarge=${true} />
        <div>
          <h1>${person.name}</h1>
          <p><${Facts} person=${person} /></p>
          ${isWriter &&
          html`<div class="buttons">
            <button type="button" class="small secondary" onClick=${() => setDialog("change")}>${t("change")}</button>
            <button type="button" class="small secondary" onClick=${() => setDialog("merge")}>${t("merge")}</button>
            <button type="button" class="small danger" onClick=${() => setDialog("forget")}>${t("forget")}</button>
          </div>`}
        </div>
      </div>
      <h2>${t("n_faces", { n: person.faces })}</h2>
      <ul class="face-cards">
        ${person.face_list.map((face) => html`<${FaceCard} key=${face.id} face=${face} person=${person} isWriter=${isWriter} onChanged=${run} />`)}
      </ul>
      ${person.next_cursor && html`<button type="button" class="secondary" disabled=${isBusy} onClick=${() => setPages(pages + 1)}>${t("more_faces")}</button>`}
      ${dialog === "change" && html`<${Change} person=${person} onClose=${close} onChanged=${changed} />`}
      ${dialog === "merge" && html`<${Merge} person=${person} onClose=${close} onChanged=${changed} />`}
      ${dialog === "forget" && html`<${Forget} person=${person} onClose=${close} onForgotten=${setReceipt} />`}
    `}
  `;
}

const Facts = ({ person }) => html`
  <${Tag}>${person.collection}<//>
  ${Object.entries(person.labels).map(([key, value]) => html`<${Tag}>${key}: ${value}<//>`)}
  <small>${t("registered_on", { day: day(person.registered_at) })}</small>
  ${person.retain_until && html`<small>${t("kept_until", { day: day(person.retain_until) })}</small>`}
  ${person.problem && html`<${Tag} kind="bad">${person.problem}<//>`}
`;

function FaceCard({ face, person, isWriter, onChanged }) {
  const [dialog, setDialog] = useState("");
  const change = useRequest(async (changes) => {
    const answer = await patch(`faces/${face.id}`, changes);
    setDialog("");
    onChanged();
    return answer ?? {};
  });
  const forget = useRequest(async () => {
    await remove(`faces/${face.id}`);
    setDialog("");
    onChanged();
    return {};
  });
  return html`<li class=${face.set_aside ? "aside" : ""}>
    <${Thumbnail} id=${face.id} hasCrop=${face.has_crop} name=${person.name} />
    <div>
      ${face.quality && html`<span>${t("quality")} <strong>${number(face.quality.score, 2)}</strong></span>`}
      ${face.liveness !== null && html`<span>${t("liveness")} ${number(face.liveness, 2)}</span>`}
      <small>${moment(face.registered_at)}</small>
      <small>${face.model}, ${face.detector_backend}</small>
      ${face.set_aside && html`<${Tag} kind="warn">${t("set_aside")}<//>`}
      <${Problem} error=${change.error} />
      ${isWriter &&
      html`<div class="buttons">
        <button type="button" class="small quiet" disabled=${change.isBusy} onClick=${() => change.run({ set_aside: !face.set_aside })}>
          ${face.set_aside ? t("compare_again") : t("put_aside")}
        </button>
        <button type="button" class="small quiet" onClick=${() => setDialog("move")}>${t("move")}</button>
        <button type="button" class="small quiet" onClick=${() => setDialog("forget")}>${t("forget_face")}</button>
      </div>`}
    </div>
    ${dialog === "move" &&
    html`<${Dialog} title=${t("move_face")} onClose=${() => setDialog("")}>
      <p>${t("move_face_text", { name: person.name })}</p>
      <${PersonSearch} collection=${person.collection} without=${person.id} onChoose=${({ id }) => change.run({ person_id: id })} />
      <${Problem} error=${change.error} />
    <//>`}
    ${dialog === "forget" &&
    html`<${Confirm}
      title=${t("forget_face")}
      text=${t("forget_face_text", { name: person.name })}
      action=${t("forget")}
      error=${forget.error}
      isBusy=${forget.isBusy}
      onYes=${() => forget.run()}
      onClose=${() => setDialog("")}
    />`}
  </li>`;
}

function Change({ person, onClose, onChanged }) {
  const [name, setName] = useState(person.name);
  const [labels, setLabels] = useState(textOfLabels(person.labels));
  const [until, setUntil] = useState(person.retain_until?.slice(0, 10) ?? "");
  const { error, isBusy, run } = useRequest(async () => {
    const changes = {};
    if (name !== person.name) changes.name = name;
    if (labels !== textOfLabels(person.labels)) changes.labels = labelsOf(labels) ?? {};
    if (until !== (person.retain_until?.slice(0, 10) ?? "")) changes.retain_until = until ? `${until}T00:00:00Z` : null;
    await patch(`persons/${person.id}`, changes);
    onChanged();
  });
  const submit = (event) => {
    event.preventDefault();
    run();
  };
  return html`<${Dialog} title=${t("change")} onClose=${onClose}>
    <form onSubmit=${submit}>
      <label>${t("name")}<input value=${name} maxlength="200" required onInput=${(event) => setName(event.target.value)} /></label>
      <label>${t("labels")}<input value=${labels} placeholder="team=blue, site=3" onInput=${(event) => setLabels(event.target.value)} /></label>
      <label>${t("keep_until")}<input type="date" value=${until} onInput=${(event) => setUntil(event.target.value)} /></label>
      <${Problem} error=${error} />
      <footer>
        <button type="button" class="secondary" onClick=${onClose}>${t("cancel")}</button>
        <button type="submit" disabled=${isBusy} aria-busy=${isBusy}>${t("save")}</button>
      </footer>
    </form>
  <//>`;
}

// Both crops side by side before two persons become one.
function Merge({ person, onClose, onChanged }) {
  const [other, setOther] = useState(null);
  const { error, isBusy, run } = useRequest(async () => {
    const changes = { person_ids: [other.id] };
    if (other.retain_until !== person.retain_until) changes.retain_until = earlier(person.retain_until, other.retain_until);
    await post(`persons/${person.id}/merge`, changes);
    onChanged();
  });
  return html`<${Dialog} title=${t("merge")} onClose=${onClose}>
    ${!other && html`<p>${t("merge_text", { name: person.name })}</p><${PersonSearch} collection=${person.collection} without=${person.id} onChoose=${setOther} />`}
    ${other &&
    html`<div class="side-by-side">
        ${[person, other].map(
          (one) => html`<figure>
            <${Thumbnail} id=${one.cover_face_id} hasCrop=${one.has_crop} name=${one.name} isLarge=${true} />
            <figcaption>${one.name}<small>${t("n_faces", { n: one.faces })}</small></figcaption>
          </figure>`,
        )}
      </div>
      <p>${t("merge_sure", { name: person.name, other: other.name })}</p>
      ${other.retain_until !== person.retain_until && html`<p class="note">${t("merge_until", { day: day(earlier(person.retain_until, other.retain_until)) })}</p>`}
      <${Problem} error=${error} />
      <footer>
        <button type="button" class="secondary" onClick=${() => setOther(null)}>${t("back")}</button>
        <button type="button" disabled=${isBusy} aria-busy=${isBusy} onClick=${() => run()}>${t("merge")}</button>
      </footer>`}
  <//>`;
}

// The earlier of two dates; null means unlimited.
const earlier = (one, other) => [one, other].filter(Boolean).sort()[0] ?? null;

function Forget({ person, onClose, onForgotten }) {
  const { error, isBusy, run } = useRequest(async () => onForgotten(await remove(`persons/${person.id}`)));
  return html`<${Confirm}
    title=${t("forget_person")}
    text=${t("forget_person_text", { name: person.name, n: person.faces })}
    action=${t("forget")}
    error=${error}
    isBusy=${isBusy}
    onYes=${() => run()}
    onClose=${onClose}
  />`;
}

const Receipt = ({ receipt }) => html`
  <h1>${t("forgotten")}</h1>
  <p role="status">${receipt.bytes_gone ? t("bytes_gone") : t("bytes_left")}</p>
  <dl class="facts">
    <dt>${t("receipt")}</dt><dd>${receipt.receipt_id}</dd>
    <dt>${t("time")}</dt><dd>${moment(receipt.forgotten_at)}</dd>
    <dt>ID</dt><dd><code>${receipt.person_id}</code></dd>
  </dl>
  <p><a href="#/people">← ${t("all_people")}</a></p>
`;
