/** A client that says exactly what a test tells it to. @module */
import type { Transport } from "../../lib/net/transport.ts";
import { octets, text } from "../smtp/wire.ts";

/** The client's end of a session. In its texts every octet is one character. */
export class Client implements Disposable {
  readonly transport: Transport;
  readonly #buffer: Uint8Array;
  #received = "";
  #isAtEnd = false;

  constructor(transport: Transport, bufferSize = 4096) {
    this.transport = transport;
    this.#buffer = new Uint8Array(bufferSize);
  }

  /** Writes octets as they are. */
  send(written: string | Uint8Array): Promise<void> {
    return this.transport.write(typeof written === "string" ? octets(written) : written);
  }

  /** Reads one reply, all its lines, each with its CR LF. */
  async reply(): Promise<string> {
    for (;;) {
      const match = /^(?:\d{3}-[^\n]*\n)*\d{3} [^\n]*\n/.exec(this.#received);
      if (match !== null) return this.#take(match[0].length);
      if (!await this.#more()) {
        throw new Error(`Cannot read a reply: the server has closed after "${this.#received}"`);
      }
    }
  }

  /** Reads a number of octets. */
  async octets(count: number): Promise<string> {
    while (this.#received.length < count && await this.#more());
    return this.#take(count);
  }

  /** Reads until the server closes. */
  async rest(): Promise<string> {
    while (await this.#more());
    return this.#take(this.#received.length);
  }

  /** Sends one line and reads the reply to it. */
  async say(line: string): Promise<string> {
    await this.send(`${line}\r\n`);
    return await this.reply();
  }

  /** Sends lines at once and reads as many replies; answers their codes. */
  async sayAll(...lines: string[]): Promise<string[]> {
    await this.send(lines.map((line) => `${line}\r\n`).join(""));
    const codes: string[] = [];
    for (const _ of lines) codes.push((await this.reply()).slice(-1000).match(/^\d+/)![0]);
    return codes;
  }

  /** Takes the greeting and says EHLO or LHLO. */
  async greet(verb = "EHLO"): Promise<void> {
    await this.reply();
    await this.say(`${verb} client.example.org`);
  }

  /** Goes up to 354. Answers the reply to DATA. */
  async begin(from = "a@example.org", to = "b@example.org"): Promise<string> {
    await this.say(`MAIL FROM:<${from}>`);
    await this.say(`RCPT TO:<${to}>`);
    return await this.say("DATA");
  }

  close(): void {
    this.transport.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  #take(count: number): string {
    const taken = this.#received.slice(0, count);
    this.#received = this.#received.slice(count);
    return taken;
  }

  async #more(): Promise<boolean> {
    if (this.#isAtEnd) return false;
    const length = await this.transport.read(this.#buffer);
    if (length === null) this.#isAtEnd = true;
    else this.#received += text(this.#buffer.subarray(0, length));
    return length !== null;
  }
}
