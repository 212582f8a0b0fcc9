/** What comes before a session: the header of a proxy, and the silence before the greeting. @module */
import { type Cidr, cidrContains, parseIp } from "../policy/network.ts";
import { type Reply, replyOctets, standingReply } from "../smtp/reply.ts";
import { IDLE_BUFFERS } from "./buffers.ts";
import type { Clock } from "./clock.ts";
import type { Deadlines } from "./deadlines.ts";
import type { Log } from "./log.ts";
import { MAX_PROXY_HEADER, readProxyHeader } from "./proxy_header.ts";
import { ReadAhead } from "./read_ahead.ts";
import type { Transport } from "./transport.ts";

/** What arrivals are received by. */
export interface ArrivalsOptions {
  /** The networks whose connections begin with a header of the PROXY protocol. */
  readonly proxies: readonly Cidr[];
  /** The most connections that may be waited for at once. */
  readonly most: number;
  readonly clock: Clock;
  /** Who ends a wait for a header that does not come. */
  readonly deadlines: Deadlines;
  readonly log: Log;
}

/** How long a proxy may take for its header, in milliseconds: a lost segment is sent again in it. */
const HEADER_TIMEOUT = 5_000;

/** How long a client that talked too early may take to notice, in milliseconds. */
const LINGER = 2_000;

/** Said to a client that does not wait for the greeting (RFC 5321 section 4.3.1). */
export const TALKED_EARLY: Reply = standingReply(
  554,
  "5.5.1",
  "You have to wait for the greeting before you say anything",
);

/** The connections that are not sessions yet. */
export class Arrivals {
  readonly #options: ArrivalsOptions;
  /** What ends each of them when the server goes. */
  readonly #waiting = new Map<Transport, () => void>();

  /** Waits for nothing yet. */
  constructor(options: ArrivalsOptions) {
    this.#options = options;
  }

  /** How many there are. */
  get count(): number {
    return this.#waiting.size;
  }

  /** Whether a connection from an address begins with a header. */
  isProxy(address: string): boolean {
    const { proxies } = this.#options;
    if (proxies.length === 0) return false;
    const ip = parseIp(address);
    return ip !== undefined && proxies.some((network) => cidrContains(network, ip));
  }

  /**
   * Takes the header off a connection from a proxy, and answers the connection of the client behind it.
   * One whose header is malformed or does not come is closed without a word: what is there is no client
   * of ours, and would not understand a reply.
   */
  async readHeader(transport: Transport): Promise<Transport | undefined> {
    const { most, clock, deadlines, log } = this.#options;
    const drop = (problem: string) => {
      const { address: client } = transport.remote;
      log("warn", "refused", { client, step: "proxy header", reply: problem });
      transport.close();
    };
    if (this.#waiting.size >= most) {
      drop("too many connections without one");
      return undefined;
    }
    let problem = "the connection has ended before it";
    const watched = {
      deadline: clock.now() + HEADER_TIMEOUT,
      expire() {
        problem = "it did not come in time";
        transport.close();
      },
    };
    deadlines.watch(watched);
    this.#waiting.set(transport, () => {
      problem = "the server stops";
      transport.close();
    });
    try {
      return await readHeaderOf(transport);
    } catch (error) {
      drop(error instanceof SyntaxError ? error.message : problem);
      return undefined;
    } finally {
      deadlines.forget(watched);
      this.#waiting.delete(transport);
    }
  }

  /**
   * Waits before the greeting. Answers the connection, if it still is one and the client has kept
   * silent; one that talks is told 554 and closed.
   *
   * @param delay in milliseconds
   * @param farewell what the client is told when the server goes in the meantime
   */
  async awaitSilence(
    transport: Transport,
    delay: number,
    farewell: Reply,
  ): Promise<Transport | "talked" | "gone"> {
    const ahead = new ReadAhead(transport);
    const silence = Promise.withResolvers<"silent" | "gone">();
    using _ = this.#options.clock.after(delay, () => silence.resolve("silent"));
    this.#waiting.set(transport, () => {
      transport.write(replyOctets(farewell)).catch(() => {}).finally(() => {
        transport.close();
        silence.resolve("gone");
      });
    });
    try {
      const came = ahead.wait().then(() => ahead.hasOctets ? "talked" as const : "gone" as const)
        .catch(() => "gone" as const);
      const first = await Promise.race([came, silence.promise]);
      if (first === "silent") return ahead;
      if (first === "talked") await this.#refuse(transport);
      else transport.close();
      return first;
    } finally {
      this.#waiting.delete(transport);
    }
  }

  /** Says why and closes, once the client has read it: closing with input unread would take it back. */
  async #refuse(transport: Transport): Promise<void> {
    using _ = this.#options.clock.after(LINGER, () => transport.close());
    try {
      await transport.write(replyOctets(TALKED_EARLY));
      await transport.closeWrite();
      const waste = new Uint8Array(512);
      while (await transport.read(waste) !== null);
    } catch {
      // It is gone, or was cut off.
    } finally {
      transport.close();
    }
  }

  /** Ends all of them: the server goes. */
  end(): void {
    for (const end of [...this.#waiting.values()]) end();
  }
}

/** @throws {SyntaxError} with what is wrong with the header */
async function readHeaderOf(transport: Transport): Promise<Transport> {
  const first = IDLE_BUFFERS.take();
  try {
    let buffer = first;
    let length = 0;
    for (;;) {
      const read = await transport.read(buffer.subarray(length));
      if (read === null) throw new Deno.errors.UnexpectedEof("Cannot read the header: it ends");
      length += read;
      const octets = buffer.subarray(0, length);
      const step = readProxyHeader(octets);
      switch (step.kind) {
        case "fault":
          throw new SyntaxError(step.problem);
        case "header": {
          const { header } = step;
          const ends = header.kind === "proxied" ? header : transport;
          return new ReadAhead(transport, octets.slice(step.length), ends);
        }
        case "more":
          if (length === buffer.length) {
            buffer = new Uint8Array(Math.min(length * 4, MAX_PROXY_HEADER));
            buffer.set(octets);
          }
      }
    }
  } finally {
    IDLE_BUFFERS.give(first);
  }
}
