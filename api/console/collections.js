// The collections of the gallery.

import { html, useState } from "./preact-htm.js";
import { get, post, remove } from "./api.js";
import { mayWrite } from "./gallery.js";
import { number, t } from "./language.js";
import { Busy, Confirm, Problem, useLoaded, useRequest } from "./parts.js";

export function Collections({ limits }) {
  const { value, error, isBusy, run } = useLoaded((signal) => get("collections", {}, signal), []);
  const [name, setName] = useState("");
  const [leaving, setLeaving] = useState(null);
  const add = useRequest(async () => {
    await post("collections", { name });
    setName("");
    run();
  });
  const forget = useRequest(async () => {
    await remove(`collections/${encodeURIComponent(leaving.name)}`, { with_persons: "true" });
    setLeaving(null);
    run();
  });
  const submit = (event) => {
    event.preventDefault();
    add.run();
  };
  const isWriter = mayWrite(limits);
  return html`
    <${Busy} when=${isBusy && !value} />
    <${Problem} error=${error} />
    ${value &&
    html`<div class="wide" tabindex="0" role="region" aria-label=${t("collections")}>
      <table>
        <thead><tr><th scope="col">${t("collection")}</th><th scope="col">${t("persons")}</th>${isWriter && html`<th scope="col"><span class="sr">${t("actions")}</span></th>`}</tr></thead>
        <tbody>
          ${value.collections.map(
            (one) => html`<tr key=${one.name}>
              <th scope="row">${one.name}</th>
              <td>${number(one.persons)}</td>
              ${isWriter && html`<td><button type="button" class="small quiet" aria-label=${t("forget_named", { name: one.name })} onClick=${() => setLeaving(one)}>${t("forget")}</button></td>`}
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`}
    ${isWriter &&
    !limits.collection &&
    html`<form class="inline" onSubmit=${submit}>
      <label>${t("new_collection")}<input value=${name} pattern="[A-Za-z0-9][A-Za-z0-9_.\\-]{0,99}" required onInput=${(event) => setName(event.target.value)} /></label>
      <button type="submit" disabled=${add.isBusy}>${t("create")}</button>
    </form>`}
    <${Problem} error=${add.error} />
    ${leaving &&
    html`<${Confirm}
      title=${t("forget_collection")}
      text=${t("forget_collection_text", { name: leaving.name, n: leaving.persons })}
      action=${t("forget")}
      error=${forget.error}
      isBusy=${forget.isBusy}
      onYes=${() => forget.run()}
      onClose=${() => setLeaving(null)}
    />`}
  `;
}
