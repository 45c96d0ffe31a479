// Service: what is installed and ready, and what the key may do.

import { html } from "./preact-htm.js";
import { address, get } from "./api.js";
import { bytes, number, t, tOr } from "./language.js";
import { Busy, Problem, Tabs, Tag, useLoaded } from "./parts.js";
import { Audit } from "./audit.js";
import { Keys } from "./keys.js";
import { Models } from "./models.js";

const PARTS = [
  { name: "state", part: State, isOpen: () => true },
  { name: "models", part: Models, isOpen: ({ scopes }) => scopes.includes("faces") },
  { name: "keys", part: Keys, isOpen: ({ scopes }) => scopes.includes("admin") },
  { name: "audit", part: Audit, isOpen: ({ scopes }) => scopes.includes("admin") },
  { name: "about", part: About, isOpen: () => true },
];

export function Service({ place, limits }) {
  const parts = PARTS.filter(({ isOpen }) => isOpen(limits));
  const chosen = parts.find(({ name }) => name === place[0]) ?? parts[0];
  return html`
    <h1>${t("screen_service")}</h1>
    <${Tabs}
      label=${t("screen_service")}
      chosen=${`service/${chosen.name}`}
      tabs=${parts.map(({ name }) => ({ place: `service/${name}`, name: t(`service_${name}`) }))}
    />
    <${chosen.part} key=${chosen.name} limits=${limits} />
  `;
}

// What is not ready is an error of /ready, whose details list the parts.
async function readiness(signal) {
  try {
    return await get("ready", {}, signal);
  } catch (error) {
    if (error.details?.parts) return { parts: error.details.parts, version: "" };
    throw error;
  }
}

const KINDS = { ready: "good", loading: "warn", warning: "warn", unavailable: "bad" };

function State({ limits }) {
  const { value, error, isBusy } = useLoaded(readiness, []);
  return html`
    <h2>${t("readiness")}</h2>
    <${Busy} when=${isBusy} />
    <${Problem} error=${error} />
    ${value &&
    html`<ul class="parts">
      ${value.parts.map(
        (part) => html`<li>
          <${Tag} kind=${KINDS[part.state]}>${t(`part_${part.state}`)}<//>
          <strong>${part.name}</strong>
          ${part.self_test && html`<span>${tOr(`self_test_${part.self_test.replaceAll(" ", "_")}`, part.self_test)}</span>`}
          ${part.milliseconds !== undefined && html`<span>${number(part.milliseconds, 1)} ms</span>`}
          ${part.message && html`<small lang="en">${part.message}</small>`}
        </li>`,
      )}
    </ul>`}
    <h2>${t("your_key")}</h2>
    <p>${limits.key_id ? t("key_is", { id: limits.key_id }) : t("no_keys")}</p>
    <ul class="scopes">
      ${limits.scopes.map((scope) => html`<li><code>${scope}</code> ${tOr(`scope_${scope.replace(":", "_")}`, "")}</li>`)}
    </ul>
    ${limits.collection && html`<p>${t("key_collection", { name: limits.collection })}</p>`}
    <h2>${t("limits")}</h2>
    <dl class="facts">
      <dt>${t("limit_rate")}</dt><dd>${limits.rate_limit || t("unlimited")}</dd>
      <dt>${t("limit_rate_address")}</dt><dd>${limits.rate_limit_address || t("unlimited")}</dd>
      <dt>${t("limit_body")}</dt><dd>${bytes(limits.max_body_bytes)}</dd>
      <dt>${t("limit_image")}</dt><dd>${bytes(limits.max_image_bytes)}, ${number(limits.max_image_pixels / 1e6)} MP</dd>
      <dt>${t("limit_faces")}</dt><dd>${number(limits.max_faces)}</dd>
      <dt>${t("limit_quality")}</dt><dd>${number(limits.min_quality, 2)}</dd>
      <dt>${t("limit_time")}</dt><dd>${number(limits.request_timeout_s)} s</dd>
      <dt>${t("limit_queue")}</dt><dd>${number(limits.lanes)} + ${number(limits.queue_max)}</dd>
    </dl>
  `;
}

function About() {
  const info = useLoaded((signal) => get("", {}, signal), []);
  const vendored = useLoaded((signal) => get("console/vendored.json", {}, signal), []);
  return html`
    <h2>${t("versions")}</h2>
    <dl class="facts">
      <dt>face-service</dt><dd>${info.value?.version}</dd>
      ${(vendored.value ?? []).map(({ name, version }) => html`<dt>${name}</dt><dd>${version}</dd>`)}
    </dl>
    <p><a href=${address("docs").href}>${t("api_docs")}</a> · <a href=${address("openapi.json").href}>openapi.json</a></p>
    <h2>${t("licences")}</h2>
    <ul>
      ${(vendored.value ?? []).map(
        ({ name, licences }) => html`<li>
          ${name}: ${licences.map((licence, place) => html`${place > 0 && ", "}<a href=${address(`console/${licence.file}`).href}>${licence.name}</a>`)}
        </li>`,
      )}
    </ul>
    <${Problem} error=${vendored.error ?? info.error} />
  `;
}
