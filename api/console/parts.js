// Small parts of several screens.

import { html, useEffect, useRef, useState } from "./preact-htm.js";
import { t, tOr } from "./language.js";

// What a request gives: { value, error, isBusy, run }. A later run takes the place of an earlier one.
export function useRequest(request) {
  const [state, setState] = useState({ value: null, error: null, isBusy: false });
  const current = useRef(null);
  const run = async (...given) => {
    current.current?.abort();
    const controller = (current.current = new AbortController());
    setState((before) => ({ ...before, error: null, isBusy: true }));
    try {
      const value = await request(...given, controller.signal);
      if (current.current === controller) setState({ value, error: null, isBusy: false });
      return value;
    } catch (error) {
      if (current.current === controller) setState({ value: null, error, isBusy: false });
      return null;
    }
  };
  useEffect(() => () => current.current?.abort(), []);
  return { ...state, run, clear: () => setState({ value: null, error: null, isBusy: false }) };
}

// As `useRequest`, run at once and whenever one of `changes` changes.
export function useLoaded(request, changes) {
  const state = useRequest(request);
  useEffect(() => void state.run(), changes);
  return state;
}

export function Problem({ error }) {
  if (!error || error.name === "AbortError") return null;
  const fields = (error.details?.fields ?? []).map(({ field, msg }) => `${field}: ${msg}`);
  return html`<p class="note bad" role="alert">
    <strong>${tOr(`error_${error.code}`, t("error_other"))}</strong>
    ${error.message && html`<span lang="en">${error.message}</span>`}
    ${fields.map((line) => html`<span lang="en">${line}</span>`)}
    ${error.retryAfterS && html`<span>${t("retry_in", { n: error.retryAfterS })}</span>`}
    ${error.requestId && html`<small>${t("request_id", { id: error.requestId })}</small>`}
  </p>`;
}

export const Busy = ({ when, label }) =>
  html`<p class="busy" role="status">${when && html`<span aria-busy="true">${label ?? t("busy")}</span>`}</p>`;

export const Empty = ({ children }) => html`<p class="empty">${children}</p>`;

export const Tag = ({ kind = "", children }) => html`<span class="tag ${kind}">${children}</span>`;

// A bar from 0 to 1 with its value in words.
export function Bar({ value, label, words, kind = "" }) {
  return html`<div class="bar ${kind}">
    <span>${label}</span>
    <div class="track" role="meter" aria-label=${label} aria-valuemin="0" aria-valuemax="1" aria-valuenow=${value} aria-valuetext=${words}>
      <div style=${{ width: `${100 * Math.min(1, Math.max(0, value))}%` }}></div>
    </div>
    <span>${words}</span>
  </div>`;
}

// The choices of one screen as links; the address names the chosen one, so that it can be linked to.
export function Tabs({ label, tabs, chosen }) {
  return html`<nav class="tabs" aria-label=${label}>
    <ul>
      ${tabs.map(
        ({ place, name }) => html`<li>
          <a href=${`#/${place}`} aria-current=${place === chosen ? "page" : undefined}>${name}</a>
        </li>`,
      )}
    </ul>
  </nav>`;
}

export function Copyable({ text, label }) {
  const [isCopied, setCopied] = useState(false);
  const copy = async () => {
    await navigator.clipboard.writeText(text);
    setCopied(true);
    setTimeout(() => setCopied(false), 2000);
  };
  return html`<figure class="code">
    <figcaption>
      <span>${label}</span>
      ${navigator.clipboard &&
      html`<button type="button" class="small quiet" onClick=${copy}>${isCopied ? t("copied") : t("copy")}</button>`}
    </figcaption>
    <pre tabindex="0" aria-label=${label}><code>${text}</code></pre>
  </figure>`;
}

// A dialog that the browser keeps the keyboard in; Escape closes it.
export function Dialog({ title, onClose, children }) {
  const dialog = useRef(null);
  useEffect(() => {
    const before = document.activeElement;
    dialog.current.showModal();
    return () => before?.focus?.();
  }, []);
  return html`<dialog ref=${dialog} onClose=${onClose} aria-labelledby="dialog-title">
    <article>
      <header>
        <h2 id="dialog-title">${title}</h2>
        <button type="button" class="small quiet" aria-label=${t("close")} onClick=${onClose}>✕</button>
      </header>
      ${children}
    </article>
  </dialog>`;
}

export function Confirm({ title, text, action, onYes, onClose, error, isBusy }) {
  return html`<${Dialog} title=${title} onClose=${onClose}>
    <p>${text}</p>
    <${Problem} error=${error} />
    <footer>
      <button type="button" class="secondary" onClick=${onClose}>${t("cancel")}</button>
      <button type="button" class="danger" aria-busy=${isBusy} disabled=${isBusy} onClick=${onYes}>${action}</button>
    </footer>
  <//>`;
}
