/** What answers are made of, and the fields that every one of them has. @module */

/** What may be an answer's body. */
export type Body = string | Uint8Array | ReadableStream<Uint8Array> | null;

/** For everything but the page: nothing is loaded, run or framed, whatever the octets turn out to be. */
const CLOSED_POLICY = "default-src 'none'; frame-ancestors 'none'; sandbox";

/**
 * The fields that an answer has unless it brings its own. That is up to the few which are to be shown:
 * the policy of the page, and what an HTML message may load.
 */
const STANDING_FIELDS: readonly (readonly [string, string])[] = [
  ["cache-control", "no-store"],
  ["content-security-policy", CLOSED_POLICY],
  ["cross-origin-opener-policy", "same-origin"],
  ["cross-origin-resource-policy", "same-origin"],
  ["referrer-policy", "no-referrer"],
  ["x-content-type-options", "nosniff"],
];

/** What an error is called, by its status. */
const CODES: ReadonlyMap<number, string> = new Map([
  [400, "bad-request"],
  [401, "unauthorized"],
  [403, "forbidden"],
  [404, "not-found"],
  [405, "method-not-allowed"],
  [408, "timeout"],
  [409, "conflict"],
  [413, "too-large"],
  [414, "uri-too-long"],
  [415, "unsupported-media-type"],
  [421, "misdirected"],
  [429, "too-many-requests"],
  [500, "bug"],
  [503, "unavailable"],
]);

/** The codes of errors, for the description of the API. */
export const ERROR_CODES: readonly string[] = [...CODES.values()];

/** An error that says what to answer. Its message is shown to the client. */
export class WebError extends Error {
  override readonly name = "WebError";
  readonly status: number;
  /** Fields that go with the status. */
  readonly headers: Readonly<Record<string, string>>;

  /** Makes the error. */
  constructor(status: number, message: string, headers: Readonly<Record<string, string>> = {}) {
    super(message);
    this.status = status;
    this.headers = headers;
  }
}

/** The error for a request that cannot be understood, or asks for what there is not. */
export function badRequest(message: string): WebError {
  return new WebError(400, message);
}

/** The error for a message that is not there. */
export function noSuchMessage(id: string): WebError {
  return new WebError(404, `There is no message ${id}`);
}

/** Makes an answer. Fields of its own stand before those that every answer has. */
export function respond(
  status: number,
  body: Body,
  fields: Readonly<Record<string, string>>,
): Response {
  const headers = new Headers(fields);
  for (const [name, value] of STANDING_FIELDS) {
    if (!headers.has(name)) headers.set(name, value);
  }
  // Octets are never in memory that is shared, which is all that the narrower type is about.
  return new Response(body as BodyInit | null, { status, headers });
}

/** Makes an answer of JSON. */
export function respondJson(
  status: number,
  value: unknown,
  fields: Readonly<Record<string, string>> = {},
): Response {
  return respond(status, JSON.stringify(value), { ...fields, "content-type": "application/json" });
}

/** What JSON says of an error. */
export function errorJson(status: number, message: string): unknown {
  return { code: CODES.get(status), message };
}

/** Makes the answer of an error. */
export function respondError({ status, message, headers }: WebError): Response {
  return respondJson(status, { error: errorJson(status, message) }, headers);
}

/** Makes the answer of an error for clients that show the body as it is. */
export function respondErrorText({ status, message, headers }: WebError): Response {
  return respond(status, message, { ...headers, "content-type": "text/plain; charset=utf-8" });
}
