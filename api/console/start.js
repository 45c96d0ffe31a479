// The frame of the console: its screens, the API key, and the language.

import { html, render, useEffect, useErrorBoundary, useRef, useState } from "./preact-htm.js";
import { keepKey, keyOfTab, readLimits } from "./api.js";
import { LANGUAGES, choose, language, t } from "./language.js";
import { Busy, Dialog, Problem } from "./parts.js";
import { Folder } from "./folder.js";
import { People } from "./people.js";
import { Service } from "./service.js";
import { forgetThumbnails } from "./thumbnails.js";
import { Try, triesOf } from "./try.js";

// What a key may do decides which screens it has.
const SCREENS = [
  { name: "try", screen: Try, isOpen: (limits) => triesOf(limits).length > 0 },
  { name: "people", screen: People, isOpen: ({ scopes }) => scopes.includes("gallery:read") },
  { name: "folder", screen: Folder, isOpen: ({ scopes, photo_folder }) => photo_folder && scopes.includes("find") },
  { name: "service", screen: Service, isOpen: () => true },
];

const placeOf = () => location.hash.replace(/^#\/?/, "").split("/").filter(Boolean).map(decodeURIComponent);

function usePlace() {
  const [place, setPlace] = useState(placeOf());
  useEffect(() => {
    const moved = () => setPlace(placeOf());
    addEventListener("hashchange", moved);
    return () => removeEventListener("hashchange", moved);
  }, []);
  return place;
}

function App() {
  const [state, setState] = useState({ limits: undefined, error: null });
  const [isAsking, setAsking] = useState(false);
  const place = usePlace();
  const load = async () => {
    try {
      setState({ limits: await readLimits(), error: null });
    } catch (error) {
      setState({ limits: undefined, error });
    }
  };
  useEffect(() => void load(), []);
  const changeKey = (key) => {
    keepKey(key);
    forgetThumbnails();
    setAsking(false);
    load();
  };
  const { limits, error } = state;
  const open = limits ? SCREENS.filter(({ isOpen }) => isOpen(limits)) : [];
  const current = open.find(({ name }) => name === place[0]) ?? open[0];
  return html`
    <a class="skip" href="#main" onClick=${skip}>${t("skip")}</a>
    <header class="top">
      <div class="container">
        <strong class="brand">${t("title")}</strong>
        <${Navigation} screens=${open} current=${current} />
        <div class="tools">
          ${limits && html`<${KeyButton} limits=${limits} onOpen=${() => setAsking(true)} onForget=${() => changeKey("")} />`}
          <select aria-label=${t("language")} value=${language} onChange=${(event) => choose(event.target.value)}>
            ${Object.entries(LANGUAGES).map(([tag, name]) => html`<option value=${tag} lang=${tag}>${name}</option>`)}
          </select>
        </div>
      </div>
    </header>
    <main id="main" class="container" tabindex="-1">
      ${error && html`<${Problem} error=${error} /><button type="button" onClick=${load}>${t("again")}</button>`}
      ${limits === undefined && !error && html`<${Busy} when=${true} />`}
      ${limits === null && html`<${KeyForm} wasWrong=${Boolean(keyOfTab())} onKey=${changeKey} />`}
      ${current && html`<${Screen} key=${current.name} screen=${current} place=${place} limits=${limits} />`}
    </main>
    ${isAsking &&
    html`<${Dialog} title=${t("key")} onClose=${() => setAsking(false)}><${KeyForm} onKey=${changeKey} /><//>`}
  `;
}

const skip = (event) => {
  event.preventDefault(); // the address names the screen
  document.querySelector("main").focus();
};

const Navigation = ({ screens, current }) =>
  screens.length > 0 &&
  html`<nav aria-label=${t("screens")}>
    <ul>
      ${screens.map(
        ({ name }) =>
          html`<li><a href=${`#/${name}`} aria-current=${name === current.name ? "page" : undefined}>${t(`screen_${name}`)}</a></li>`,
      )}
    </ul>
  </nav>`;

function KeyButton({ limits, onOpen, onForget }) {
  if (!limits.key_id) return null;
  return html`<button type="button" class="small quiet" onClick=${onOpen}>${t("other_key")}</button>
    <button type="button" class="small quiet" onClick=${onForget}>${t("forget_key")}</button>`;
}

function KeyForm({ onKey, wasWrong }) {
  const field = useRef(null);
  const submit = (event) => {
    event.preventDefault();
    onKey(field.current.value.trim());
  };
  return html`<form class="key" onSubmit=${submit}>
    <h1>${t("key_needed")}</h1>
    ${wasWrong && html`<p class="note bad" role="alert">${t("key_wrong")}</p>`}
    <label>${t("key")}<input ref=${field} type="password" autocomplete="off" spellcheck="false" required /></label>
    <small>${t("key_kept")}</small>
    <button type="submit">${t("use_key")}</button>
  </form>`;
}

function Screen({ screen, place, limits }) {
  const [error, reset] = useErrorBoundary();
  useEffect(() => {
    document.title = `${t(`screen_${screen.name}`)} · ${t("title")}`;
  }, [screen]);
  if (error) {
    return html`<p class="note bad" role="alert">${t("broken")}</p><button type="button" onClick=${reset}>${t("again")}</button>`;
  }
  return html`<${screen.screen} place=${place.slice(1)} limits=${limits} />`;
}

document.documentElement.lang = language;
render(html`<${App} />`, document.body);
