/** Hosts in memory that follow a script, for tests. */
import { memoryPair } from "../../lib/net/memory_transport.ts";
import type { Transport } from "../../lib/net/transport.ts";
import type { Connect } from "../../lib/relay/connector.ts";

/**
 * What a host does at one step: a reply without its last CR LF, no answer, an end, or a line or a reply
 * that never ends.
 */
export type Answer = string | "hang" | "drop" | "endless line" | "endless reply";

/** What a host does. What is left out goes well. */
export interface Script {
  /** What connecting comes to. */
  readonly connect?: "refuse" | "hang";
  readonly greeting?: Answer;
  /** The reply to EHLO and LHLO. */
  readonly ehlo?: Answer;
  readonly helo?: Answer;
  /** The reply to STARTTLS; behind 220 the session goes on as if it were encrypted. */
  readonly starttls?: Answer;
  /** The reply to EHLO and LHLO inside TLS. */
  readonly ehloInTls?: Answer;
  /** The replies to AUTH and to each response, as long as they are 334. */
  readonly auth?: readonly Answer[];
  readonly mail?: Answer;
  readonly rcpt?: Answer | ((line: string) => Answer);
  readonly data?: Answer;
  /** What is done as soon as so many octets of mail data have come. */
  readonly during?: readonly [octets: number, answer: Answer];
  /** Whether the host reads no mail data at all. */
  readonly deaf?: boolean;
  /** The reply to the end of mail data; in LMTP one for each recipient. */
  readonly result?: Answer | readonly Answer[];
  readonly quit?: Answer;
}

/** What a host has seen. */
export interface Seen {
  /** Command lines of all sessions, in order. */
  readonly commands: string[];
  /** Messages that came to their end, with their dots. */
  readonly messages: string[];
  /** How the sessions ended. */
  readonly ends: ("QUIT" | "closed")[];
  /** How many octets of mail data came. */
  content: number;
}

/** A reply to EHLO with what most hosts have. */
export const EHLO = "250-fake.test\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8";

/** The same with DSN. */
export const EHLO_DSN = EHLO.replace("250 SMTPUTF8", "250-SMTPUTF8\r\n250 DSN");

const latin1 = new TextDecoder("latin1");

/** Octets as text, a character each. */
function bytesOf(text: string): Uint8Array {
  const octets = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) octets[i] = text.charCodeAt(i);
  return octets;
}

/** Hosts by their addresses. */
export class FakeHosts {
  readonly #scripts: Map<string, Script>;
  readonly #seen = new Map<string, Seen>();
  /** The addresses that were connected to, in order. */
  readonly tried: string[] = [];
  readonly #running: Promise<void>[] = [];

  constructor(scripts: Record<string, Script>) {
    this.#scripts = new Map(Object.entries(scripts));
  }

  /** What the host at an address has seen. */
  seen(address: string): Seen {
    const seen = this.#seen.get(address) ?? { commands: [], messages: [], ends: [], content: 0 };
    this.#seen.set(address, seen);
    return seen;
  }

  /** Settles when every session is over. */
  async idle(): Promise<void> {
    await Promise.all(this.#running);
  }

  /** Connects to a host. */
  readonly connect: Connect = ({ hostname, port, signal }) => {
    this.tried.push(hostname);
    const script = this.#scripts.get(hostname);
    if (script === undefined || script.connect === "refuse") {
      return Promise.reject(new Deno.errors.ConnectionRefused("Connection refused"));
    }
    if (script.connect === "hang") {
      return new Promise((_, reject) => {
        signal.addEventListener("abort", () => reject(signal.reason));
      });
    }
    const [ours, theirs] = memoryPair({
      first: { address: "192.0.2.250", port: 40000 },
      second: { address: hostname, port },
      capacity: 65536,
    });
    this.#running.push(serve(theirs, script, this.seen(hostname)));
    return Promise.resolve(ours);
  };
}

/** Plays a host on a connection, until it ends. */
export async function serve(transport: Transport, script: Script, seen: Seen): Promise<void> {
  try {
    await new Session(transport, script, seen).run();
  } catch {
    // The other end closed the connection under a write.
  }
  transport.close();
}

class Session {
  readonly #transport: Transport;
  readonly #script: Script;
  readonly #seen: Seen;
  #input = "";
  #recipients = 0;
  #isInTls = false;

  constructor(transport: Transport, script: Script, seen: Seen) {
    this.#transport = transport;
    this.#script = script;
    this.#seen = seen;
  }

  /** Answers; tells whether the session goes on. */
  async #answer(answer: Answer): Promise<boolean> {
    if (answer === "drop") {
      this.#transport.close();
      return false;
    }
    if (answer.startsWith("endless")) {
      const piece = answer === "endless line" ? "2" : "220-more\r\n";
      const octets = bytesOf(piece.repeat(10_000));
      while (true) await this.#transport.write(octets);
    }
    if (answer !== "hang") await this.#transport.write(bytesOf(`${answer}\r\n`));
    return true;
  }

  async #more(): Promise<boolean> {
    const buffer = new Uint8Array(65536);
    const length = await this.#transport.read(buffer).catch(() => null);
    if (length === null) {
      this.#seen.ends.push("closed");
      return false;
    }
    this.#input += latin1.decode(buffer.subarray(0, length));
    return true;
  }

  async run(): Promise<void> {
    const script = this.#script;
    if (!await this.#answer(script.greeting ?? "220 fake.test ready")) return;
    for (let line; (line = await this.#line()) !== undefined;) {
      this.#seen.commands.push(line);
      if (!await this.#command(line)) return;
    }
  }

  /** Reads a line; nothing at the end of input. */
  async #line(): Promise<string | undefined> {
    while (true) {
      const end = this.#input.indexOf("\r\n");
      if (end >= 0) {
        const line = this.#input.slice(0, end);
        this.#input = this.#input.slice(end + 2);
        return line;
      }
      if (!await this.#more()) return undefined;
    }
  }

  async #command(line: string): Promise<boolean> {
    const script = this.#script;
    const verb = line.split(/[ :]/)[0].toUpperCase();
    switch (verb) {
      case "EHLO":
      case "LHLO":
        return await this.#answer((this.#isInTls ? script.ehloInTls : script.ehlo) ?? EHLO);
      case "STARTTLS": {
        const answer = script.starttls ?? "220 2.0.0 go ahead";
        this.#isInTls = answer.startsWith("220");
        return await this.#answer(answer);
      }
      case "AUTH": {
        for (const answer of script.auth ?? ["504 5.5.4 no"]) {
          if (!await this.#answer(answer)) return false;
          if (!answer.startsWith("334")) return true;
          const response = await this.#line();
          if (response === undefined) return false;
          this.#seen.commands.push(response);
        }
        return true;
      }
      case "HELO":
        return await this.#answer(script.helo ?? "250 fake.test");
      case "MAIL":
        this.#recipients = 0;
        return await this.#answer(script.mail ?? "250 2.1.0 sender ok");
      case "RCPT": {
        const { rcpt = "250 2.1.5 recipient ok" } = script;
        const answer = typeof rcpt === "string" ? rcpt : rcpt(line);
        if (answer.startsWith("250")) this.#recipients++;
        return await this.#answer(answer);
      }
      case "DATA": {
        const answer = script.data ?? "354 go on";
        return await this.#answer(answer) && (!answer.startsWith("354") || await this.#content());
      }
      case "QUIT":
        await this.#answer(script.quit ?? "221 2.0.0 bye");
        this.#seen.ends.push("QUIT");
        return false;
      default:
        return await this.#answer("250 2.0.0 ok");
    }
  }

  async #content(): Promise<boolean> {
    const { during, result = "250 2.0.0 queued", deaf } = this.#script;
    let isDuring = during !== undefined;
    if (deaf && during === undefined) await new Promise<void>(() => {});
    while (true) {
      this.#seen.content = Math.max(this.#seen.content, this.#input.length);
      if (isDuring && this.#input.length >= during![0]) {
        isDuring = false;
        if (!await this.#answer(during![1])) return false;
        if (deaf) return await new Promise<boolean>(() => {});
      }
      const end = this.#input === ".\r\n" || this.#input.startsWith(".\r\n")
        ? 0
        : this.#input.indexOf("\r\n.\r\n") + 2;
      if (end === 1) {
        if (await this.#more()) continue;
        return false;
      }
      this.#seen.messages.push(this.#input.slice(0, end));
      this.#input = this.#input.slice(end + 3);
      const answers = Array.isArray(result) ? result : [result];
      for (const answer of answers) {
        if (!await this.#answer(answer)) return false;
      }
      return true;
    }
  }
}
