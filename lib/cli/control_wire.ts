/**
 * What a command and the server say to each other over the control socket: a request is one line of
 * JSON, with the octets of a message behind it where there is one, and so is its answer.
 *
 * Only the server's own user can reach the socket, yet nothing that comes is believed unread: a program
 * of another version may be at the other end.
 *
 * @module
 */
import type { Filter, RecipientState } from "../queue/store.ts";
import { type Action, ACTIONS } from "../relay/operator_action.ts";
import { parseWholePath } from "../smtp/address.ts";
import { parseEnvid, parseOrcpt } from "../smtp/dsn_parameters.ts";
import type { MailParameters, RcptParameters } from "../smtp/envelope.ts";
import { formatPath, type Mailbox } from "../smtp/mailbox.ts";
import type { Submission } from "./operator.ts";

/** One request. */
export type ControlRequest =
  | { readonly ask: "act"; readonly action: Action; readonly filter: Filter }
  | { readonly ask: "forgive" }
  | { readonly ask: "submit"; readonly submission: Submission; readonly size: number };

/** The longest line in octets: the recipients of one message. */
export const MAX_LINE = 4 * 1024 * 1024;

/** The most ids of one request. */
const MAX_IDS = 10_000;

const STATES: readonly string[] = [
  "queued",
  "held",
  "delivered",
  "failed",
  "removed",
] satisfies RecipientState[];

const LF = 10;
const decoder = new TextDecoder("utf-8", { fatal: true });
const encoder = new TextEncoder();

function malformed(what: string): SyntaxError {
  return new SyntaxError(`Cannot read the request: ${what}`);
}

/** The parts of an object by name, so that no name is one that every object has. */
function membersOf(value: unknown, what: string): ReadonlyMap<string, unknown> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw malformed(`${what} is no object`);
  }
  return new Map(Object.entries(value));
}

function text(value: unknown, what: string): string {
  if (typeof value !== "string") throw malformed(`${what} is no text`);
  return value;
}

function count(value: unknown, what: string): number {
  if (typeof value !== "number" || !Number.isSafeInteger(value) || value < 0) {
    throw malformed(`${what} is no number`);
  }
  return value;
}

function list(value: unknown, most: number, what: string): readonly unknown[] {
  if (!Array.isArray(value) || value.length > most) throw malformed(`${what} is no list`);
  return value;
}

function perhaps<T>(
  value: unknown,
  what: string,
  read: (value: unknown, what: string) => T,
): T | undefined {
  return value === undefined ? undefined : read(value, what);
}

function path(value: unknown, what: string): Mailbox | null {
  const written = text(value, what);
  const parsed = parseWholePath(written);
  if ("fault" in parsed) throw malformed(`${what} is no path`);
  return parsed.value;
}

function readFilter(value: unknown): Filter {
  const members = membersOf(value, "filter");
  const read = (name: string) => perhaps(members.get(name), name, text);
  const state = read("state");
  if (state !== undefined && !STATES.includes(state)) throw malformed("there is no such state");
  const filter: { -readonly [K in keyof Filter]: Filter[K] } = {
    ids: perhaps(members.get("ids"), "ids", (ids) => list(ids, MAX_IDS, "ids"))
      ?.map((id) => text(id, "an id")),
    to: read("to"),
    from: read("from"),
    domain: read("domain"),
    state: state as RecipientState | undefined,
    before: perhaps(members.get("before"), "before", count),
  };
  return filter;
}

function readMail(value: unknown): MailParameters {
  const members = membersOf(value, "mail");
  const body = members.get("body");
  const ret = members.get("ret");
  const envid = perhaps(members.get("envid"), "envid", text);
  if (body !== undefined && body !== "7BIT" && body !== "8BITMIME") throw malformed("bad body");
  if (ret !== undefined && ret !== "full" && ret !== "headers") throw malformed("bad ret");
  if (envid !== undefined && parseEnvid(envid) === undefined) throw malformed("bad envid");
  return {
    reversePath: path(members.get("from"), "the reverse-path"),
    body,
    smtpUtf8: members.get("smtpUtf8") === true,
    ret,
    envid,
  };
}

function readNotify(value: unknown): RcptParameters["notify"] {
  if (value === undefined || value === "never") return value;
  return list(value, 3, "notify").map((when) => {
    if (when === "success" || when === "failure" || when === "delay") return when;
    throw malformed("bad notify");
  });
}

function readRecipient(value: unknown): RcptParameters {
  const members = membersOf(value, "a recipient");
  const forwardPath = path(members.get("to"), "a forward-path");
  const orcpt = perhaps(members.get("orcpt"), "orcpt", text);
  if (forwardPath === null) throw malformed("a forward-path is null");
  if (orcpt !== undefined && parseOrcpt(orcpt) === undefined) throw malformed("bad orcpt");
  return { forwardPath, notify: readNotify(members.get("notify")), orcpt };
}

/**
 * Reads a request.
 *
 * @param mostRecipients the most recipients of one message
 * @throws {SyntaxError} if it is none
 */
export function parseRequest(line: string, mostRecipients: number): ControlRequest {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    throw malformed("it is not JSON");
  }
  const members = membersOf(value, "it");
  const ask = members.get("ask");
  if (ask === "forgive") return { ask };
  if (ask === "act") {
    const action = ACTIONS.find((name) => name === members.get("action"));
    if (action === undefined) throw malformed("there is no such action");
    return { ask, action, filter: readFilter(members.get("filter")) };
  }
  if (ask !== "submit") throw malformed("it asks for nothing that there is");
  const id = text(members.get("id"), "id");
  if (!/^[0-9a-z]{16}$/.test(id)) throw malformed("id is no name of a message");
  const recipients = list(members.get("recipients"), mostRecipients, "recipients")
    .map(readRecipient);
  if (recipients.length === 0) throw malformed("there are no recipients");
  const protocol = text(members.get("protocol"), "protocol").slice(0, 20);
  return {
    ask,
    submission: { id, mail: readMail(members.get("mail")), recipients, protocol },
    size: count(members.get("size"), "size"),
  };
}

/** Writes a request, without the octets of its message. */
export function formatRequest(request: ControlRequest): string {
  if (request.ask !== "submit") return JSON.stringify(request);
  const { submission: { id, mail, recipients, protocol }, size } = request;
  const { reversePath, body, smtpUtf8, ret, envid } = mail;
  return JSON.stringify({
    ask: "submit",
    id,
    protocol,
    size,
    mail: { from: formatPath(reversePath), body, smtpUtf8, ret, envid },
    recipients: recipients.map(({ forwardPath, notify, orcpt }) => ({
      to: formatPath(forwardPath),
      notify,
      orcpt,
    })),
  });
}

/** What carries requests and answers. */
export type Stream = Pick<Deno.Conn, "read" | "write">;

/** Reads lines and octets from a stream. */
export class ControlReader {
  readonly #stream: Stream;
  readonly #buffer = new Uint8Array(64 * 1024);
  #rest: Uint8Array = new Uint8Array(0);

  /** Reads from a stream that nobody else reads from. */
  constructor(stream: Stream) {
    this.#stream = stream;
  }

  /** Reads a slice, which is valid until the next one; `undefined` at the end. */
  async #slice(): Promise<Uint8Array | undefined> {
    if (this.#rest.length > 0) return this.#rest;
    const length = await this.#stream.read(this.#buffer);
    if (length === null) return undefined;
    return this.#rest = this.#buffer.subarray(0, length);
  }

  /**
   * Reads a line without its LF; `undefined` at the end of the stream.
   *
   * @throws {SyntaxError} if it is too long or not UTF-8, or the stream ends in it
   */
  async line(most: number = MAX_LINE): Promise<string | undefined> {
    const parts: Uint8Array[] = [];
    let length = 0;
    for (;;) {
      const slice = await this.#slice();
      if (slice === undefined) {
        if (length === 0) return undefined;
        throw malformed("it has no end");
      }
      const lf = slice.indexOf(LF);
      const part = lf < 0 ? slice : slice.subarray(0, lf);
      length += part.length;
      if (length > most) throw malformed("it is too long");
      parts.push(part.slice());
      this.#rest = slice.subarray(lf < 0 ? slice.length : lf + 1);
      if (lf >= 0) break;
    }
    const whole = new Uint8Array(length);
    let at = 0;
    for (const part of parts) {
      whole.set(part, at);
      at += part.length;
    }
    try {
      return decoder.decode(whole);
    } catch {
      throw malformed("it is not UTF-8");
    }
  }

  /**
   * Reads so many octets.
   *
   * @throws {SyntaxError} if the stream ends before
   */
  async octets(size: number): Promise<Uint8Array> {
    const whole = new Uint8Array(size);
    for (let at = 0; at < size;) {
      const slice = await this.#slice();
      if (slice === undefined) throw malformed("the message is not whole");
      const part = slice.subarray(0, size - at);
      whole.set(part, at);
      at += part.length;
      this.#rest = slice.subarray(part.length);
    }
    return whole;
  }
}

/** Writes all octets. */
export async function writeAll(stream: Stream, octets: Uint8Array): Promise<void> {
  for (let at = 0; at < octets.length;) {
    at += await stream.write(octets.subarray(at) as Uint8Array<ArrayBuffer>);
  }
}

/** Writes a line. */
export function writeLine(stream: Stream, line: string): Promise<void> {
  return writeAll(stream, encoder.encode(`${line}\n`));
}
