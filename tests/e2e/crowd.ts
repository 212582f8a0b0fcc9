/** Clients that take a server's time and room and give it next to nothing to do. */
import { octets } from "./corpus.ts";
import type { Dialog } from "./dialog.ts";
import { clientOf, greeted, openFor, proxyHeader } from "./proxied.ts";

/** How many connections are made at once. */
const ABREAST = 50;

/** The parts of a second in which different ones of the slow clients send their octet. */
const PHASES = 20;

const ONE = octets("x");

/** Does something for the numbers below `count`, some of them at once. */
export async function abreast(
  count: number,
  act: (number: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  await Promise.all(Array.from({ length: Math.min(ABREAST, count) }, async () => {
    while (next < count) await act(next++);
  }));
}

/** How many clients there are of each kind. */
export interface CrowdSizes {
  /** Those that say EHLO and then nothing. */
  readonly idle: number;
  /** Those that send an octet a second, half of them in a command and half in mail data. */
  readonly slow: number;
}

/** A crowd that is connected, each of a client network of its own. */
export class Crowd implements Disposable {
  readonly #idle: Dialog[] = [];
  readonly #inCommand: Dialog[] = [];
  readonly #inData: Dialog[] = [];
  #timer: ReturnType<typeof setInterval> | undefined;

  private constructor() {}

  /** Connects all of them through the proxy of this host. They send to a mailbox at `local.test`. */
  static async gather(port: number, { idle, slow }: CrowdSizes): Promise<Crowd> {
    const crowd = new Crowd();
    try {
      await abreast(idle + slow, async (number) => {
        const dialog = await openFor(port, clientOf(number));
        if (number < idle) crowd.#idle.push(dialog);
        else if (number % 2 === 0) await crowd.#beginCommand(dialog);
        else await crowd.#beginData(dialog);
      });
    } catch (error) {
      crowd[Symbol.dispose]();
      throw error;
    }
    let phase = 0;
    crowd.#timer = setInterval(() => crowd.#trickle(phase++ % PHASES), 1000 / PHASES);
    return crowd;
  }

  async #beginCommand(dialog: Dialog): Promise<void> {
    this.#inCommand.push(dialog);
    await dialog.send(octets("NOOP "));
  }

  async #beginData(dialog: Dialog): Promise<void> {
    this.#inData.push(dialog);
    for (const line of ["MAIL FROM:<a@client.test>", "RCPT TO:<slow@local.test>", "DATA"]) {
      const { code, text } = await dialog.say(line);
      if (code >= 400) throw new Error(`Cannot send mail slowly: ${code} ${text}`);
    }
    await dialog.send(octets("Subject: "));
  }

  #trickle(phase: number): void {
    for (const part of [this.#inCommand, this.#inData]) {
      for (let i = phase; i < part.length; i += PHASES) part[i].send(ONE).catch(() => {});
    }
  }

  /**
   * Has all of them end what they are at: the idle ones by a command, the slow ones by the end of theirs
   * or of their message. Answers how often there was which code; 0 is for a connection that is gone.
   */
  async finish(): Promise<Map<number, number>> {
    clearInterval(this.#timer);
    const codes = new Map<number, number>();
    const parts: [Dialog[], string][] = [
      [this.#idle, "NOOP\r\n"],
      [this.#inCommand, "\r\n"],
      [this.#inData, "\r\n\r\n.\r\n"],
    ];
    for (const [dialogs, end] of parts) {
      await abreast(dialogs.length, async (number) => {
        const dialog = dialogs[number];
        const code = await dialog.send(octets(end)).then(() => dialog.reply())
          .then((reply) => reply.code, () => 0);
        codes.set(code, (codes.get(code) ?? 0) + 1);
      });
    }
    return codes;
  }

  /** All of them leave without a word. */
  [Symbol.dispose](): void {
    clearInterval(this.#timer);
    for (const part of [this.#idle, this.#inCommand, this.#inData]) {
      for (const dialog of part.splice(0)) dialog[Symbol.dispose]();
    }
  }
}

/** Where TLS can be begun. */
export interface TlsPorts {
  /** By STARTTLS. */
  readonly port: number;
  /** At once. */
  readonly tlsPort: number;
}

/** Clients that begin TLS and leave it at that. */
export interface HalfOpen {
  /** For each, the milliseconds after which the server ended it. */
  readonly ended: Promise<number[]>;
}

/** Begins `count` handshakes as the clients from number `first` on, half of them by STARTTLS. */
export async function beginHandshakes(
  { port, tlsPort }: TlsPorts,
  count: number,
  first: number,
): Promise<HalfOpen> {
  const ended: Promise<number>[] = [];
  await abreast(count, async (number) => {
    const isPlain = number % 2 === 0;
    const connection = await Deno.connect({
      hostname: "127.0.0.1",
      port: isPlain ? port : tlsPort,
    });
    const send = (text: Uint8Array) => connection.write(text as Uint8Array<ArrayBuffer>);
    await send(proxyHeader(clientOf(first + number)));
    if (isPlain) {
      await send(octets("EHLO client.test\r\n"));
      await readUntil(connection, /^250 /m);
      await send(octets("STARTTLS\r\n"));
      await readUntil(connection, /^220 .*TLS/mi);
    }
    const start = performance.now();
    ended.push(readUntil(connection, undefined).then(() => performance.now() - start));
  });
  return { ended: Promise.all(ended) };
}

/** Reads until a line has come, or to the end; closes there. */
async function readUntil(connection: Deno.TcpConn, line: RegExp | undefined): Promise<void> {
  const buffer = new Uint8Array(1024);
  let text = "";
  try {
    for (;;) {
      const length = await connection.read(buffer);
      if (length === null) break;
      if (line === undefined) continue;
      text += new TextDecoder().decode(buffer.subarray(0, length));
      if (line.test(text)) return;
    }
  } catch (error) {
    if (line !== undefined || !(error instanceof Deno.errors.ConnectionReset)) throw error;
  }
  connection.close();
  if (line !== undefined) throw new Error(`Cannot begin a handshake: ${text}`);
}

/** Connects and leaves, as one client after the other; answers how often there was which greeting. */
export async function knock(
  port: number,
  count: number,
  first: number,
  interval: number,
): Promise<Map<number, number>> {
  const codes = new Map<number, number>();
  const start = performance.now();
  const knocks: Promise<void>[] = [];
  for (let i = 0; i < count; i++) {
    const wait = start + i * interval - performance.now();
    if (wait > 0) await new Promise((resolve) => setTimeout(resolve, wait));
    knocks.push(
      knockOnce(port, clientOf(first + i)).then((code) => {
        codes.set(code, (codes.get(code) ?? 0) + 1);
      }),
    );
  }
  await Promise.all(knocks);
  return codes;
}

/** The code of the greeting; 0 where there is none. */
async function knockOnce(port: number, client: string): Promise<number> {
  try {
    const { dialog, greeting } = await greeted(port, client);
    dialog[Symbol.dispose]();
    return greeting.code;
  } catch {
    return 0;
  }
}
