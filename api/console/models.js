// The models: purpose, accuracy, licence and state.

import { html, useState } from "./preact-htm.js";
import { get } from "./api.js";
import { number, t, tOr } from "./language.js";
import { Busy, Problem, Tag, useLoaded } from "./parts.js";

const TASKS = ["recognition", "detection", "attribute", "liveness"];
const USE = { yes: "good", no: "bad", unclear: "warn" };

export function Models() {
  const { value, error, isBusy } = useLoaded((signal) => get("models", {}, signal), []);
  const [areAll, setAll] = useState(false);
  const shown = (value?.models ?? []).filter(({ installed }) => installed || areAll);
  return html`
    <h2>${t("service_models")}</h2>
    <${Busy} when=${isBusy} />
    <${Problem} error=${error} />
    ${value &&
    html`
      <p>${value.preset && html`${t("preset")} <code>${value.preset}</code> · `}${t("license_policy")} <code>${value.license_policy}</code></p>
      <label class="switch">
        <input type="checkbox" role="switch" checked=${areAll} onChange=${(event) => setAll(event.target.checked)} />
        ${t("also_not_installed")}
      </label>
      ${TASKS.map((task) => html`<${Group} task=${task} models=${shown.filter((model) => model.task === task)} />`)}
    `}
  `;
}

const Group = ({ task, models }) =>
  models.length > 0 &&
  html`<h3>${t(`task_${task}`)}</h3>
    <div class="wide" tabindex="0" role="region" aria-label=${t(`task_${task}`)}>
      <table>
        <thead>
          <tr>
            <th scope="col">${t("model")}</th><th scope="col">${t("state")}</th><th scope="col">${t("accuracy")}</th>
            <th scope="col">${t("licence")}</th>
          </tr>
        </thead>
        <tbody>
          ${models.map((model) => html`<${Row} key=${model.name} model=${model} />`)}
        </tbody>
      </table>
    </div>`;

function stateOf(model) {
  if (!model.allowed) return ["bad", t("model_forbidden")];
  if (!model.installed) return ["", t("model_missing")];
  if (model.ready) return ["good", t("part_ready")];
  return ["", model.loaded ? t("model_loaded") : t("model_installed")];
}

function Row({ model }) {
  const [kind, state] = stateOf(model);
  return html`<tr>
    <th scope="row">${model.name}${model.limits && html`<small lang="en">${model.limits}</small>`}</th>
    <td>
      <${Tag} kind=${kind}>${state}<//>
      ${model.self_test && html`<small>${tOr(`self_test_${model.self_test.replaceAll(" ", "_")}`, model.self_test)}</small>`}
      ${model.milliseconds !== undefined && html`<small>${number(model.milliseconds, 1)} ms</small>`}
      ${model.package_problem && html`<small lang="en">${model.package_problem}</small>`}
    </td>
    <td>
      ${model.accuracy.length === 0 && html`<small>${t("not_published")}</small>`}
      ${model.accuracy.slice(0, 3).map(
        ({ benchmark, metric, value }) => html`<span class="line">${number(value, value < 1 ? 3 : 2)} <small lang="en">${metric}, ${benchmark}</small></span>`,
      )}
    </td>
    <td>
      ${model.license.name} <${Tag} kind=${USE[model.license.commercial_use]}>${t(`commercial_${model.license.commercial_use}`)}<//>
      <small lang="en">${model.license.reason}</small>
    </td>
  </tr>`;
}
