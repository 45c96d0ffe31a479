// Requests to the service. The console uses nothing else of it.

const ROOT = new URL("../", import.meta.url);
const KEY = "face-service-key"; // in the storage of this tab, which ends with it

export class ApiError extends Error {
  constructor(status, body, retryAfterS) {
    super(body?.message ?? "");
    this.status = status;
    this.code = body?.error_code ?? "";
    this.details = body?.details ?? {};
    this.requestId = body?.request_id ?? "";
    this.retryAfterS = retryAfterS;
  }
}

export const keyOfTab = () => sessionStorage.getItem(KEY) ?? "";

export function keepKey(key) {
  if (key) sessionStorage.setItem(KEY, key);
  else sessionStorage.removeItem(KEY);
}

export const address = (path, query = {}) => {
  const url = new URL(path, ROOT);
  for (const [name, value] of Object.entries(query)) {
    if (value !== undefined && value !== null && value !== "") url.searchParams.set(name, value);
  }
  return url;
};

async function send(method, path, { query, json, form, accept, signal } = {}) {
  const headers = {};
  if (keyOfTab()) headers["X-API-Key"] = keyOfTab();
  if (accept) headers.Accept = accept;
  if (json) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(address(path, query), {
      method,
      headers,
      body: json ? JSON.stringify(json) : form,
      cache: "no-store",
      credentials: "same-origin",
      signal,
    });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new ApiError(0, { error_code: "unreachable" });
  }
  if (response.ok) return response;
  const body = await response.json().catch(() => ({}));
  throw new ApiError(response.status, body, Number(response.headers.get("Retry-After")) || undefined);
}

const jsonOf = async (response) => (response.status === 204 ? null : response.json());

export const get = async (path, query, signal) => jsonOf(await send("GET", path, { query, signal }));
export const post = async (path, json, signal) => jsonOf(await send("POST", path, { json, signal }));
export const patch = async (path, json) => jsonOf(await send("PATCH", path, { json }));
export const remove = async (path, query) => jsonOf(await send("DELETE", path, { query }));

// Sends fields, of which some are files, as a form. Lists are repeated fields; objects are JSON.
export async function postForm(path, fields, signal) {
  return jsonOf(await send("POST", path, { form: formOf(fields), signal }));
}

export const blob = async (path, query, signal) => (await send("GET", path, { query, signal })).blob();

function formOf(fields) {
  const form = new FormData();
  for (const [name, value] of Object.entries(fields)) {
    if (value === undefined || value === null || value === "") continue;
    for (const one of Array.isArray(value) ? value : [value]) form.append(name, fieldOf(one));
  }
  return form;
}

function fieldOf(value) {
  if (value instanceof Blob) return value;
  return typeof value === "object" ? JSON.stringify(value) : String(value);
}

// The scopes of the key and the limits of requests; null if the service wants a key, or another one.
export async function readLimits() {
  if (!keyOfTab() && (await get("")).needs_key) return null;
  try {
    return await get("limits");
  } catch (error) {
    if (error.code === "unauthorized") return null;
    throw error;
  }
}
