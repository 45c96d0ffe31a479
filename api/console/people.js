// People: the persons of the gallery.

import { html, useEffect, useMemo, useRef, useState } from "./preact-htm.js";
import { get } from "./api.js";
import { t } from "./language.js";
import { Busy, Empty, Problem, Tabs } from "./parts.js";
import { Collections } from "./collections.js";
import { labelsOf, mayWrite } from "./gallery.js";
import { Person } from "./person.js";
import { Register } from "./register.js";
import { Thumbnail } from "./thumbnails.js";
import { CollectionChoice } from "./try_identify.js";

export function People({ place, limits }) {
  const [first = ""] = place;
  const isWriter = mayWrite(limits);
  if (first && !["new", "collections"].includes(first)) return html`<${Person} key=${first} id=${first} limits=${limits} />`;
  const tabs = [
    { place: "people", name: t("all_people") },
    ...(isWriter ? [{ place: "people/new", name: t("register") }] : []),
    { place: "people/collections", name: t("collections") },
  ];
  const part = first === "new" && isWriter ? Register : first === "collections" ? Collections : Grid;
  return html`
    <h1>${t("screen_people")}</h1>
    <${Tabs} label=${t("screen_people")} chosen=${first ? `people/${first}` : "people"} tabs=${tabs} />
    <${part} limits=${limits} />
  `;
}

// Persons of one request: the first page is there soon, and the others are few.
const FIRST_PAGE = 200;
const PAGE = 1000;
const TYPING_MS = 250;

function Grid({ limits }) {
  const [filter, setFilter] = useState({ name: "", labels: "", collection: limits.collection ?? "" });
  const [typed, setTyped] = useState(filter);
  useEffect(() => {
    const timer = setTimeout(() => setFilter(typed), TYPING_MS);
    return () => clearTimeout(timer);
  }, [typed]);
  const change = (name) => (event) => setTyped({ ...typed, [name]: event.target.value });
  const persons = usePersons(filter);
  return html`
    <form class="filter" role="search" onSubmit=${(event) => event.preventDefault()}>
      <label>${t("name_contains")}<input type="search" value=${typed.name} maxlength="200" onInput=${change("name")} /></label>
      <label>${t("labels")}<input type="search" value=${typed.labels} placeholder="team=blue" onInput=${change("labels")} /></label>
      ${!limits.collection &&
      html`<${CollectionChoice} all=${true} collection=${typed.collection} onChange=${(name) => setTyped({ ...typed, collection: name })} />`}
    </form>
    <${Problem} error=${persons.error} />
    ${persons.all.length === 0 && !persons.isBusy && !persons.error && html`<${Empty}>${t("nobody")}<//>`}
    <${Cards} persons=${persons} />
    <${Busy} when=${persons.isBusy} />
    <p class="count" role="status">${!persons.isBusy && persons.all.length > 0 && t(persons.hasMore ? "n_people_so_far" : "n_people", { n: persons.all.length })}</p>
  `;
}

// The persons page by page; `more` asks for the next page.
function usePersons(filter) {
  const [state, setState] = useState({ all: [], cursor: null, isBusy: true, error: null });
  const controller = useRef(null);
  const load = async (before, cursor) => {
    controller.current?.abort();
    const mine = (controller.current = new AbortController());
    setState({ all: before, cursor: null, isBusy: true, error: null });
    const { name, collection } = filter;
    const labels = labelsOf(filter.labels);
    const query = { name, collection, labels: labels && JSON.stringify(labels), cursor, limit: cursor ? PAGE : FIRST_PAGE };
    try {
      const page = await get("persons", query, mine.signal);
      setState({ all: before.concat(page.persons), cursor: page.next_cursor, isBusy: false, error: null });
    } catch (error) {
      if (!mine.signal.aborted) setState({ all: before, cursor: null, isBusy: false, error });
    }
  };
  useEffect(() => {
    load([], null);
    return () => controller.current?.abort();
  }, [filter]);
  return {
    ...state,
    hasMore: state.cursor !== null,
    more: () => !state.isBusy && state.cursor !== null && load(state.all, state.cursor),
  };
}

const CARD_PX = { width: 150, height: 218 }; // with the gap; as in console.css
const SPARE_ROWS = 2; // above and below the window

// Only the cards near the window exist, so that a list of 50,000 is as quick as one of 50.
function Cards({ persons }) {
  const list = useRef(null);
  const [view, setView] = useState({ columns: 1, first: 0, rows: 1 });
  const { all, more } = persons;
  useEffect(() => {
    const look = () => {
      const { top, width } = list.current.getBoundingClientRect();
      const columns = Math.max(1, Math.floor(width / CARD_PX.width));
      const first = Math.max(0, Math.floor(-top / CARD_PX.height) - SPARE_ROWS);
      const rows = Math.ceil(innerHeight / CARD_PX.height) + 2 * SPARE_ROWS;
      setView((before) => (before.columns === columns && before.first === first && before.rows === rows ? before : { columns, first, rows }));
    };
    look();
    addEventListener("scroll", look, { passive: true });
    addEventListener("resize", look);
    return () => {
      removeEventListener("scroll", look);
      removeEventListener("resize", look);
    };
  }, []);
  const total = Math.ceil(all.length / view.columns);
  useEffect(() => {
    if (view.first + view.rows >= total) more();
  }, [view, total]);
  const start = Math.min(view.first, Math.max(0, total - 1)) * view.columns;
  const shown = useMemo(() => all.slice(start, start + view.rows * view.columns), [all, start, view]);
  return html`<ul ref=${list} class="cards" style=${{ height: `${total * CARD_PX.height}px` }}>
    ${shown.map((person, place) => html`<${Card} key=${person.id} person=${person} at=${start + place} columns=${view.columns} total=${persons.hasMore ? -1 : all.length} />`)}
  </ul>`;
}

const Card = ({ person, at, columns, total }) => html`<li
  aria-posinset=${at + 1}
  aria-setsize=${total}
  style=${{ top: `${Math.floor(at / columns) * CARD_PX.height}px`, left: `${((at % columns) * 100) / columns}%`, width: `${100 / columns}%` }}
>
  <a href=${`#/people/${person.id}`}>
    <${Thumbnail} id=${person.cover_face_id} hasCrop=${person.has_crop} name=${person.name} />
    <span class="name">${person.name}</span>
    <small>${t("n_faces", { n: person.faces })}</small>
  </a>
</li>`;
