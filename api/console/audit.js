// The audit trail: its verification, and its events page by page.

import { html, useEffect, useState } from "./preact-htm.js";
import { get } from "./api.js";
import { moment, number, t } from "./language.js";
import { Busy, Empty, Problem, Tag, useRequest } from "./parts.js";

const PAGE = 100;

export function Audit({ limits }) {
  return html`
    <h2>${t("service_audit")}</h2>
    <${Verification} />
    <${Events} readsPeople=${limits.scopes.includes("gallery:read")} />
  `;
}

function Verification() {
  const [expect, setExpect] = useState("");
  const { value, error, isBusy, run } = useRequest((hash, signal) => get("audit/verify", { expect: hash.trim() }, signal));
  const submit = (event) => {
    event.preventDefault();
    run(expect);
  };
  return html`<form class="inline" onSubmit=${submit}>
      <label>${t("expected_hash")}<input value=${expect} pattern="\\s*[0-9a-f]{64}\\s*" spellcheck="false" autocomplete="off" onInput=${(event) => setExpect(event.target.value)} /></label>
      <button type="submit" disabled=${isBusy} aria-busy=${isBusy}>${t("verify_trail")}</button>
    </form>
    <div aria-live="polite">
      <${Problem} error=${error} />
      ${value &&
      html`<div class="note ${value.intact ? "good" : "bad"}">
        <strong>${value.intact ? t("trail_intact") : t("trail_broken")}</strong>
        <span>${t("trail_counts", { events: number(value.events), batches: number(value.batches), unsealed: number(value.unsealed) })}</span>
        ${value.expected_found === false && html`<span>${t("hash_missing")}</span>`}
        ${value.problems.map((problem) => html`<span lang="en">${problem}</span>`)}
        <small>${t("last_hash")} <code class="hash">${value.last_hash}</code></small>
      </div>`}
    </div>`;
}

function Events({ readsPeople }) {
  const [action, setAction] = useState("");
  const [all, setAll] = useState([]);
  const [after, setAfter] = useState(null);
  const { error, isBusy, run } = useRequest(async (from, before, name, signal) => {
    const page = await get("audit", { after: from, action: name, limit: PAGE }, signal);
    setAll(before.concat(page.events));
    setAfter(page.next_after);
    return page;
  });
  useEffect(() => void run(null, [], action), [action]);
  return html`
    <label>${t("action")}<input type="search" value=${action} pattern="[a-z_]{1,50}" placeholder="register" onChange=${(event) => event.target.validity.valid && setAction(event.target.value)} /></label>
    <${Problem} error=${error} />
    ${all.length === 0 && !isBusy && !error && html`<${Empty}>${t("no_events")}<//>`}
    ${all.length > 0 &&
    html`<div class="wide" tabindex="0" role="region" aria-label=${t("service_audit")}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("time")}</th><th scope="col">${t("action")}</th><th scope="col">${t("outcome")}</th>
            <th scope="col">${t("key")}</th><th scope="col">${t("about")}</th>
          </tr>
        </thead>
        <tbody>
          ${all.map(
            (event) => html`<tr key=${event.id}>
              <td>${moment(event.at)}<small>${event.id}</small></td>
              <td>${event.action}</td>
              <td><${Tag} kind=${event.outcome === "refused" ? "warn" : ""}>${event.outcome}<//></td>
              <td>${event.key_id && html`<code>${event.key_id}</code>`}</td>
              <td>
                <${About} id=${event.person_id} isLink=${readsPeople} />
                <small>${Object.entries(event.details).map(([name, value]) => `${name}: ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ")}</small>
              </td>
            </tr>`,
          )}
        </tbody>
      </table>
    </div>`}
    <${Busy} when=${isBusy} />
    ${after && html`<button type="button" class="secondary" disabled=${isBusy} onClick=${() => run(after, all, action)}>${t("more_events")}</button>`}
  `;
}

// The beginning of a person's ID, as a link if the key may read persons.
function About({ id, isLink }) {
  if (!id) return null;
  const short = html`<code>${id.slice(0, 8)}</code>`;
  return isLink ? html`<a href=${`#/people/${id}`}>${short}</a>` : short;
}
