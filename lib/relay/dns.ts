/** The domain name system as the relay asks it. @module */
import { getServers } from "node:dns";
import { parseIp } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";
import { isAbsent, type RecordType } from "./negative_answer.ts";

/** One MX record (RFC 1035 section 3.3.9). */
export interface MxRecord {
  /** Lower is asked first. */
  readonly preference: number;
  /** The host, with or without a trailing dot; `.` or nothing in a null MX (RFC 7505). */
  readonly exchange: string;
}

/**
 * Answers about names. Each method answers the records there are: an empty list means that there are
 * none, for certain. When that could not be found out it throws, and asking later may help.
 *
 * A name is given without its trailing dot and is never completed with a search list (RFC 5321
 * section 5.1).
 */
export interface Dns {
  /** The MX records of a domain. */
  mx(domain: string, signal?: AbortSignal): Promise<readonly MxRecord[]>;
  /** The IPv4 addresses of a host. */
  a(host: string, signal?: AbortSignal): Promise<readonly string[]>;
  /** The IPv6 addresses of a host. */
  aaaa(host: string, signal?: AbortSignal): Promise<readonly string[]>;
  /**
   * The names of an address, by its name below `in-addr.arpa` or `ip6.arpa`. They are as whoever holds
   * the address has written them.
   */
  ptr(name: string, signal?: AbortSignal): Promise<readonly string[]>;
  /**
   * The TXT records of a name. The strings of one record are put together with nothing in between, as
   * whatever reads such records wants them (RFC 7208 section 3.3, RFC 8461 section 3.1).
   */
  txt(name: string, signal?: AbortSignal): Promise<readonly string[]>;
}

/** How to ask. */
export interface SystemDnsOptions {
  /** The name server to ask, an address and a port; the system's if left out. */
  readonly nameServer?: Endpoint;
  /** How long one question may take, in milliseconds; 10 s if left out. */
  readonly timeout?: number;
}

const DEFAULT_TIMEOUT = 10_000;
/** How long one name server may take to say that it knows of nothing, in milliseconds. */
const CONFIRM_TIMEOUT = 3_000;

/** Reads `192.0.2.1`, `2001:db8::1`, `[2001:db8::1]:53` and `192.0.2.1:53`. */
function parseServer(text: string): Endpoint | undefined {
  const ip = parseIp(text);
  if (ip !== undefined) return { address: text, port: 53 };
  const match = /^\[?([0-9A-Fa-f.:]+?)\]?:([0-9]{1,5})$/.exec(text);
  if (match === null || parseIp(match[1]) === undefined) return undefined;
  return { address: match[1], port: Number(match[2]) };
}

/** The system's name servers, as far as they are known. */
function systemServers(): Endpoint[] {
  try {
    const servers = getServers().map(parseServer).filter((server) => server !== undefined);
    // A system may name one server several times; two are enough to ask.
    const byAddress = new Map(servers.map((server) => [server.address, server]));
    return [...byAddress.values()].slice(0, 2);
  } catch {
    return [];
  }
}

/**
 * Asks name servers by `Deno.resolveDns`, over UDP and, where an answer is long, TCP. CNAME records
 * are followed there, eight at most.
 */
export function systemDns(options: SystemDnsOptions = {}): Dns {
  const { nameServer, timeout = DEFAULT_TIMEOUT } = options;

  async function confirmAbsence(name: string, type: RecordType, cause: unknown): Promise<void> {
    const servers = nameServer === undefined ? systemServers() : [nameServer];
    for (const server of servers) {
      if (await isAbsent(server, name, type, Math.min(timeout, CONFIRM_TIMEOUT))) return;
    }
    // Where no name server is known that could be asked again, the first answer has to do.
    if (servers.length === 0) return;
    throw new Error(`Cannot find out whether ${name} has ${type} records`, { cause });
  }

  /** Runs one question, again after a lost packet, until the time is up. */
  async function ask<T>(
    name: string,
    type: RecordType,
    signal: AbortSignal | undefined,
    query: (name: string, options: Deno.ResolveDnsOptions) => Promise<T[]>,
  ): Promise<T[]> {
    const timer = AbortSignal.timeout(timeout);
    const resolveOptions: Deno.ResolveDnsOptions = {
      signal: signal === undefined ? timer : AbortSignal.any([signal, timer]),
      nameServer: nameServer && { ipAddr: nameServer.address, port: nameServer.port },
    };
    while (true) {
      try {
        return await query(`${name}.`, resolveOptions);
      } catch (error) {
        signal?.throwIfAborted();
        if (error instanceof Deno.errors.NotFound) {
          await confirmAbsence(name, type, error);
          return [];
        }
        if (timer.aborted || !(error instanceof Deno.errors.TimedOut)) {
          throw new Error(`Cannot ask for the ${type} records of ${name}`, { cause: error });
        }
      }
    }
  }

  return {
    mx: (domain, signal) =>
      ask(domain, "MX", signal, (name, options) => Deno.resolveDns(name, "MX", options)),
    a: (host, signal) =>
      ask(host, "A", signal, (name, options) => Deno.resolveDns(name, "A", options)),
    aaaa: (host, signal) =>
      ask(host, "AAAA", signal, (name, options) => Deno.resolveDns(name, "AAAA", options)),
    ptr: (host, signal) =>
      ask(host, "PTR", signal, (name, options) => Deno.resolveDns(name, "PTR", options)),
    txt: async (name, signal) => {
      const records = await ask(
        name,
        "TXT",
        signal,
        (name, options) => Deno.resolveDns(name, "TXT", options),
      );
      return records.map((strings) => strings.join(""));
    },
  };
}
