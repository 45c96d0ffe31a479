// API keys: list, create and revoke.

import { html, useState } from "./preact-htm.js";
import { get, post, remove } from "./api.js";
import { day, t, tOr } from "./language.js";
import { Busy, Confirm, Copyable, Empty, Problem, Tag, useLoaded, useRequest } from "./parts.js";

export function Keys({ limits }) {
  const { value, error, isBusy, run } = useLoaded((signal) => get("keys", {}, signal), []);
  const [made, setMade] = useState(null);
  const [ending, setEnding] = useState(null);
  const revoke = useRequest(async () => {
    await remove(`keys/${ending.id}`);
    setEnding(null);
    run();
  });
  const created = (key) => {
    setMade(key);
    run();
  };
  return html`
    <h2>${t("service_keys")}</h2>
    <p class="note">${t("keys_of_setting")}</p>
    <${Busy} when=${isBusy && !value} />
    <${Problem} error=${error} />
    ${value && value.keys.length === 0 && html`<${Empty}>${t("no_keys_stored")}<//>`}
    ${value && value.keys.length > 0 && html`<${Table} keys=${value.keys} own=${limits.key_id} onRevoke=${setEnding} />`}
    ${made &&
    html`<div class="note good" role="status">
      <strong>${t("key_made", { name: made.name })}</strong>
      <${Copyable} label=${t("key")} text=${made.key} />
    </div>`}
    ${limits.key_id ? html`<${NewKey} limits=${limits} onCreated=${created} />` : html`<p class="note">${t("first_key")} <code>face-service keys create NAME --scope faces</code></p>`}
    ${ending &&
    html`<${Confirm}
      title=${t("revoke")}
      text=${t("revoke_text", { name: ending.name })}
      action=${t("revoke")}
      error=${revoke.error}
      isBusy=${revoke.isBusy}
      onYes=${() => revoke.run()}
      onClose=${() => setEnding(null)}
    />`}
  `;
}

const stateOf = ({ valid, revoked_at }) => (valid ? "valid" : revoked_at ? "revoked" : "expired");
const KINDS = { valid: "good", revoked: "", expired: "warn" };

const Table = ({ keys, own, onRevoke }) => html`<div class="wide" tabindex="0" role="region" aria-label=${t("service_keys")}>
  <table>
    <thead>
      <tr>
        <th scope="col">${t("name")}</th><th scope="col">${t("state")}</th><th scope="col">${t("scopes")}</th>
        <th scope="col">${t("last_used")}</th><th scope="col"><span class="sr">${t("actions")}</span></th>
      </tr>
    </thead>
    <tbody>
      ${keys.map(
        (key) => html`<tr key=${key.id}>
          <th scope="row">${key.name}<small><code>${key.id}</code></small></th>
          <td>
            <${Tag} kind=${KINDS[stateOf(key)]}>${t(`key_${stateOf(key)}`)}<//>
            ${key.valid && key.expires_at && html`<small>${t("until", { day: day(key.expires_at) })}</small>`}
          </td>
          <td>${key.scopes.join(", ")}${key.collection && html`<small>${key.collection}</small>`}</td>
          <td>${key.last_used_on ? day(key.last_used_on) : t("never")}</td>
          <td>
            ${key.valid &&
            key.id !== own &&
            html`<button type="button" class="small quiet" aria-label=${t("revoke_named", { name: key.name })} onClick=${() => onRevoke(key)}>${t("revoke")}</button>`}
          </td>
        </tr>`,
      )}
    </tbody>
  </table>
</div>`;

function NewKey({ limits, onCreated }) {
  const [name, setName] = useState("");
  const [scopes, setScopes] = useState(new Set());
  const [collection, setCollection] = useState("");
  const [until, setUntil] = useState("");
  const { error, isBusy, run } = useRequest(async () => {
    const key = { name, scopes: [...scopes] };
    if (collection) key.collection = collection;
    if (until) key.expires_at = `${until}T00:00:00Z`;
    onCreated(await post("keys", key));
    setName("");
    setScopes(new Set());
  });
  const submit = (event) => {
    event.preventDefault();
    run();
  };
  const toggle = (scope) => () => {
    const changed = new Set(scopes);
    if (!changed.delete(scope)) changed.add(scope);
    setScopes(changed);
  };
  return html`<form class="new" onSubmit=${submit}>
    <h3>${t("new_key")}</h3>
    <label>${t("name")}<input value=${name} maxlength="200" required onInput=${(event) => setName(event.target.value)} /></label>
    <fieldset>
      <legend>${t("scopes")}</legend>
      ${limits.scopes.map(
        (scope) => html`<label><input type="checkbox" checked=${scopes.has(scope)} onChange=${toggle(scope)} /> <code>${scope}</code> ${tOr(`scope_${scope.replace(":", "_")}`, "")}</label>`,
      )}
    </fieldset>
    <label>${t("only_collection")}<input value=${collection} maxlength="100" placeholder=${t("all_collections")} onInput=${(event) => setCollection(event.target.value)} /></label>
    <label>${t("expires")}<input type="date" value=${until} onInput=${(event) => setUntil(event.target.value)} /></label>
    <${Problem} error=${error} />
    <button type="submit" disabled=${isBusy || scopes.size === 0} aria-busy=${isBusy}>${t("create_key")}</button>
  </form>`;
}
