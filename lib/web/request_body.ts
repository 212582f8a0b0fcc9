/** The body of a request. @module */
import type { Clock } from "../policy/clock.ts";
import { badRequest, WebError } from "./responses.ts";

/** The most octets of a body. */
const MAX_BODY = 64 * 1024;

/** How long a body may take to come, in milliseconds. */
const BODY_TIME = 30_000;

function tooLarge(): WebError {
  return new WebError(413, `Cannot take a body of more than ${MAX_BODY} octets`);
}

/** Reads octets up to the limit. */
async function readOctets(
  body: ReadableStream<Uint8Array>,
  clock: Clock,
): Promise<Uint8Array> {
  const reader = body.getReader();
  let isLate = false;
  using _timer = clock.after(BODY_TIME, () => {
    isLate = true;
    reader.cancel().catch(() => {});
  });
  const octets = new Uint8Array(MAX_BODY);
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read().catch(() => {
      throw badRequest("Cannot read the body: it breaks off");
    });
    if (isLate) throw new WebError(408, "Cannot read the body: it takes too long");
    if (done) return octets.subarray(0, length);
    if (length + value.length > MAX_BODY) {
      reader.cancel().catch(() => {});
      throw tooLarge();
    }
    octets.set(value, length);
    length += value.length;
  }
}

function isJson(contentType: string | null): boolean {
  return /^application\/json *(?:;|$)/i.test(contentType ?? "");
}

/**
 * Reads a body of JSON; nothing where there is no body. The type has to be named: a form on a page of
 * somebody else can send other types without being asked to.
 *
 * @throws {WebError} 400, 408, 413 or 415
 */
export async function readJsonBody(request: Request, clock: Clock): Promise<unknown> {
  if (Number(request.headers.get("content-length") ?? 0) > MAX_BODY) throw tooLarge();
  if (request.body === null) return undefined;
  const octets = await readOctets(request.body, clock);
  if (octets.length === 0) return undefined;
  if (!isJson(request.headers.get("content-type"))) {
    throw new WebError(415, "Cannot read the body: send it with Content-Type: application/json");
  }
  try {
    return JSON.parse(new TextDecoder("utf-8", { fatal: true }).decode(octets));
  } catch {
    throw badRequest("Cannot read the body: it is not JSON in UTF-8");
  }
}
