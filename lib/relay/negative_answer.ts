/**
 * Asks a name server once more about a name it seems to know nothing of.
 *
 * `Deno.resolveDns` fails in one and the same way when there is no such name, when there is no such
 * record, and when the name server could not find out (SERVFAIL, REFUSED). The first two end a
 * message, the last must not (RFC 5321 section 5.1), so an answer of "nothing" is only believed with
 * the response code of RFC 1035 section 4.1.1 beside it.
 *
 * @module
 */
import { createSocket } from "node:dgram";
import type { Endpoint } from "../policy/session.ts";
import { normalizeAddress, parseIp } from "../policy/network.ts";

/** The record types that are asked for, by their numbers (RFC 1035 section 3.2.2, RFC 3596). */
export const RECORD_TYPES = { A: 1, PTR: 12, MX: 15, TXT: 16, AAAA: 28 } as const;

/** A record type that is asked for. */
export type RecordType = keyof typeof RECORD_TYPES;

const HEADER_LENGTH = 12;
const NOERROR = 0;
const NXDOMAIN = 3;

/** Writes a query for one name (RFC 1035 section 4.1), recursion desired. */
export function encodeQuery(id: number, name: string, type: RecordType): Uint8Array {
  const octets: number[] = [id >> 8, id & 0xff, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0];
  for (const label of name.split(".")) {
    if (label.length < 1 || label.length > 63) {
      throw new SyntaxError(`Cannot ask for ${JSON.stringify(name)}: it is no domain`);
    }
    octets.push(label.length);
    for (let i = 0; i < label.length; i++) octets.push(label.charCodeAt(i));
  }
  octets.push(0, 0, RECORD_TYPES[type], 0, 1);
  return Uint8Array.from(octets);
}

/** Finds where a name ends; names need not be followed, only passed (RFC 1035 section 4.1.4). */
function skipName(message: Uint8Array, start: number): number {
  let at = start;
  while (at < message.length) {
    const length = message[at];
    if (length === 0) return at + 1;
    if (length >= 0xc0) return at + 2;
    at += 1 + length;
  }
  return at;
}

/** Whether a record of the type asked for is in the answer section. */
function hasRecord(message: Uint8Array, questionEnd: number, type: number): boolean {
  const count = message[6] << 8 | message[7];
  let at = questionEnd;
  for (let i = 0; i < count; i++) {
    at = skipName(message, at);
    if (at + 10 > message.length) return true;
    if ((message[at] << 8 | message[at + 1]) === type) return true;
    at += 10 + (message[at + 8] << 8 | message[at + 9]);
  }
  return false;
}

/**
 * Reads what a response says to a query.
 *
 * @returns `"absent"` where it says that there is no such record, `"unknown"` where it says anything
 *   else, and `undefined` where it is no response to this query
 */
export function readResponse(
  query: Uint8Array,
  response: Uint8Array,
): "absent" | "unknown" | undefined {
  if (response.length < HEADER_LENGTH || response[0] !== query[0] || response[1] !== query[1]) {
    return undefined;
  }
  if ((response[2] & 0x80) === 0) return undefined;
  const code = response[3] & 0x0f;
  if (code !== NOERROR && code !== NXDOMAIN) return "unknown";
  const lower = (octet: number) => octet >= 0x41 && octet <= 0x5a ? octet | 0x20 : octet;
  for (let i = HEADER_LENGTH; i < query.length; i++) {
    if (lower(response[i] ?? 0) !== lower(query[i])) return undefined;
  }
  const truncated = (response[2] & 0x02) !== 0;
  const type = query[query.length - 3];
  return truncated || hasRecord(response, query.length, type) ? "unknown" : "absent";
}

/**
 * Asks one name server over UDP whether it knows that there is no such record.
 *
 * @param timeout how long to wait for its answer, in milliseconds
 * @returns whether it does; without an answer it does not
 */
export function isAbsent(
  server: Endpoint,
  name: string,
  type: RecordType,
  timeout: number,
): Promise<boolean> {
  const [id] = crypto.getRandomValues(new Uint16Array(1));
  const query = encodeQuery(id, name, type);
  return new Promise((resolve) => {
    const socket = createSocket(parseIp(server.address)?.version === 6 ? "udp6" : "udp4");
    const timer = setTimeout(() => finish(false), timeout);
    let over = false;
    function finish(absent: boolean): void {
      if (over) return;
      over = true;
      clearTimeout(timer);
      socket.close();
      resolve(absent);
    }
    socket.on("error", () => finish(false));
    socket.on("message", (response, from) => {
      // RFC 5452 section 9: only the server that was asked, from the port that was asked.
      const isServer = from.port === server.port &&
        normalizeAddress(from.address) === normalizeAddress(server.address);
      if (!isServer) return;
      const answer = readResponse(query, response);
      if (answer !== undefined) finish(answer === "absent");
    });
    socket.send(query, server.port, server.address, (error) => {
      if (error) finish(false);
    });
  });
}
