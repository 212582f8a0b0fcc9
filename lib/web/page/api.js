/** Asks the API. What goes wrong is an error whose message can be shown as it is. @module */
/** @import { ActionName, Counts, HeaderField, ItemPage, Ledger, Message } from "./types.d.ts" */

/** An answer that is none. */
export class ApiError extends Error {
  /**
   * @param {number} status 0 where nothing was answered
   * @param {string} message
   */
  constructor(status, message) {
    super(message);
    this.name = "ApiError";
    /** @readonly */
    this.status = status;
  }
}

/** How many messages are named in one request at most, which keeps its body small. */
const MOST_IDS = 500;

/** How long the server may take to answer, in milliseconds. */
const PATIENCE = 30_000;

/**
 * @param {string} path
 * @param {RequestInit} [options]
 * @returns {Promise<Response>}
 */
async function request(path, { signal, ...options } = {}) {
  const late = AbortSignal.timeout(PATIENCE);
  let response;
  try {
    response = await fetch(path, {
      ...options,
      signal: signal ? AbortSignal.any([signal, late]) : late,
    });
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(
      0,
      late.aborted ? "The server takes too long" : "The server does not answer",
    );
  }
  if (response.ok) return response;
  throw new ApiError(response.status, await problemOf(response));
}

/**
 * @param {Response} response
 * @returns {Promise<string>}
 */
async function problemOf(response) {
  if (response.status === 401) {
    return "The server wants to know who you are: reload the page to log in";
  }
  try {
    const { error } = await response.json();
    if (typeof error.message === "string") return error.message;
  } catch {
    // What does not come from the API says so by its status alone.
  }
  return response.status === 404
    ? "It is not there any more"
    : `The server answered ${response.status}`;
}

/**
 * @template Answer what the API answers there
 * @param {string} path
 * @param {AbortSignal} [signal]
 * @returns {Promise<Answer>}
 */
async function getJson(path, signal) {
  const response = await request(path, { signal });
  try {
    return await response.json();
  } catch (error) {
    if (signal?.aborted) throw error;
    throw new ApiError(0, "The answer of the server breaks off");
  }
}

/**
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 */
async function send(method, path, body) {
  const json = { headers: { "content-type": "application/json" }, body: JSON.stringify(body) };
  await request(path, { method, ...body && json });
}

/**
 * The path of a message in the API.
 *
 * @param {string} id
 * @param {string} [rest] what stands behind the id, from the slash on
 * @returns {string}
 */
export function messagePath(id, rest = "") {
  return `/api/messages/${encodeURIComponent(id)}${rest}`;
}

/**
 * A page of the messages that fit.
 *
 * @param {ReadonlyMap<string, string>} params
 * @param {{ limit: number, cursor?: string, signal?: AbortSignal }} options
 * @returns {Promise<ItemPage>}
 */
export function fetchItems(params, { limit, cursor, signal }) {
  const query = new URLSearchParams([...params, ["limit", String(limit)]]);
  if (cursor !== undefined) query.set("cursor", cursor);
  return getJson(`/api/messages?${query}`, signal);
}

/** @returns {Promise<Counts>} */
export function fetchCounts() {
  return getJson("/api/counts");
}

/**
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Message>}
 */
export function fetchMessage(id, signal) {
  return getJson(messagePath(id), signal);
}

/**
 * @param {string} id
 * @param {AbortSignal} [signal]
 * @returns {Promise<Ledger>}
 */
export function fetchLedger(id, signal) {
  return getJson(messagePath(id, "/ledger"), signal);
}

/**
 * @param {string} id
 * @returns {Promise<readonly HeaderField[]>}
 */
export async function fetchHeaders(id) {
  /** @type {{ headers: readonly HeaderField[] }} */
  const { headers } = await getJson(messagePath(id, "/headers"));
  return headers;
}

/**
 * The first octets of a message as text, and whether that is all.
 *
 * @param {string} id
 * @param {number} most
 * @returns {Promise<{ text: string, isWhole: boolean }>}
 */
export async function fetchSource(id, most) {
  const { body } = await request(messagePath(id, "/raw?view=1"));
  if (body === null) return { text: "", isWhole: true };
  const decoder = new TextDecoder();
  const reader = body.getReader();
  let text = "";
  for (let size = 0; size < most;) {
    const { done, value } = await reader.read().catch(() => {
      throw new ApiError(0, "The answer of the server breaks off");
    });
    if (done) return { text: text + decoder.decode(), isWhole: true };
    text += decoder.decode(value.subarray(0, most - size), { stream: true });
    size += value.length;
  }
  reader.cancel().catch(() => {});
  return { text, isWhole: false };
}

/**
 * Does something to messages.
 *
 * @param {ActionName} action
 * @param {readonly string[]} ids
 */
export async function act(action, ids) {
  const isRemoval = action === "remove";
  const method = isRemoval ? "DELETE" : "POST";
  const rest = isRemoval ? "" : `/${action}`;
  if (ids.length === 1) return await send(method, messagePath(ids[0], rest));
  for (let first = 0; first < ids.length; first += MOST_IDS) {
    await send(method, `/api/messages${rest}`, { ids: ids.slice(first, first + MOST_IDS) });
  }
}

/**
 * Releases one message.
 *
 * @param {string} id
 * @param {{ to?: readonly string[], route?: string }} options
 */
export async function release(id, options) {
  await send("POST", messagePath(id, "/release"), options);
}
