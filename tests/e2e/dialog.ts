/** A client that says what a test tells it to, and shows every reply. */

/** A reply, its lines without their code and separated by line feeds. */
export interface SeenReply {
  readonly code: number;
  readonly text: string;
}

/** How a message is sent. */
export interface MailOptions {
  /** The parameters of MAIL. */
  readonly parameters?: readonly string[];
  /** The parameters of each RCPT. */
  readonly rcptParameters?: readonly string[];
  /** What to do when half of the mail data is sent. */
  inData?(): Promise<void>;
}

/** The parameters of MAIL for content that needs extensions. */
export function mailParameters(
  needs: { readonly isEightBit?: boolean; readonly isInternational?: boolean },
): string[] {
  const parameters = needs.isEightBit ? ["BODY=8BITMIME"] : [];
  return needs.isInternational ? [...parameters, "SMTPUTF8"] : parameters;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** Longer than any reply takes. A dialog that hangs fails by it. */
const PATIENCE = 60_000;

/** One session as a client. */
export class Dialog implements Disposable {
  readonly #connection: Deno.TcpConn;
  #input = "";
  #isOver = false;

  private constructor(connection: Deno.TcpConn) {
    this.#connection = connection;
    connection.setNoDelay();
  }

  /** Connects and sends octets before anything is read. */
  static async begin(port: number, sent: Uint8Array, hostname = "127.0.0.1"): Promise<Dialog> {
    const dialog = new Dialog(await Deno.connect({ hostname, port }));
    await dialog.send(sent);
    return dialog;
  }

  /** Connects and reads the greeting. */
  static async connect(port: number, hostname = "127.0.0.1"): Promise<Dialog> {
    const dialog = new Dialog(await Deno.connect({ hostname, port }));
    const greeting = await dialog.reply();
    if (greeting.code !== 220) throw new Error(`Cannot begin: ${greeting.code} ${greeting.text}`);
    return dialog;
  }

  /** Connects, reads the greeting and says EHLO. */
  static async open(port: number, hostname?: string): Promise<Dialog> {
    const dialog = await Dialog.connect(port, hostname);
    const { code, text } = await dialog.say("EHLO client.test");
    if (code !== 250) throw new Error(`Cannot say EHLO: ${code} ${text}`);
    return dialog;
  }

  /** Sends octets as they are. */
  async send(octets: Uint8Array): Promise<void> {
    for (let rest = octets; rest.length > 0;) {
      rest = rest.subarray(await this.#connection.write(rest));
    }
  }

  /** Sends a command line and reads the reply to it. */
  async say(line: string): Promise<SeenReply> {
    await this.send(encoder.encode(`${line}\r\n`));
    return await this.reply();
  }

  /** Sends a whole message; answers the replies to MAIL, each RCPT, DATA and the end of data. */
  async sendMail(
    from: string,
    to: readonly string[],
    content: Uint8Array,
    options: MailOptions = {},
  ): Promise<SeenReply[]> {
    const { parameters = [], rcptParameters = [], inData } = options;
    const replies = [await this.say([`MAIL FROM:<${from}>`, ...parameters].join(" "))];
    if (replies[0].code !== 250) return replies;
    for (const recipient of to) {
      replies.push(await this.say([`RCPT TO:<${recipient}>`, ...rcptParameters].join(" ")));
    }
    if (!replies.slice(1).some(({ code }) => code === 250)) return replies;
    replies.push(await this.say("DATA"));
    if (replies.at(-1)?.code !== 354) return replies;
    const wire = stuffed(content);
    const half = inData === undefined ? 0 : wire.length >> 1;
    await this.send(wire.subarray(0, half));
    await inData?.();
    await this.send(wire.subarray(half));
    replies.push(await this.reply());
    return replies;
  }

  /** Reads one reply; fails when the server closes or time is up first. */
  async reply(): Promise<SeenReply> {
    const lines: string[] = [];
    for (;;) {
      const line = await this.#line();
      if (line === undefined) throw new Error(`Cannot read a reply: the server closed ${lines}`);
      lines.push(line.slice(4));
      if (line[3] !== "-") return { code: Number(line.slice(0, 3)), text: lines.join("\n") };
    }
  }

  /** Whether the server has closed the connection, nothing else having come. */
  async isClosed(): Promise<boolean> {
    return await this.#line() === undefined;
  }

  async #line(): Promise<string | undefined> {
    const buffer = new Uint8Array(4096);
    for (;;) {
      const end = this.#input.indexOf("\r\n");
      if (end >= 0) {
        const line = this.#input.slice(0, end);
        this.#input = this.#input.slice(end + 2);
        return line;
      }
      const timer = setTimeout(() => this[Symbol.dispose](), PATIENCE);
      try {
        const length = await this.#connection.read(buffer);
        if (length === null) return undefined;
        this.#input += decoder.decode(buffer.subarray(0, length), { stream: true });
      } finally {
        clearTimeout(timer);
      }
    }
  }

  /** Closes the connection without a word. */
  [Symbol.dispose](): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#connection.close();
  }
}

/** Writes mail data as it goes over the wire, with the line that ends it (RFC 5321 section 4.5.2). */
export function stuffed(content: Uint8Array): Uint8Array {
  const wire = new Uint8Array(content.length * 2 + 5);
  let length = 0;
  let isLineStart = true;
  for (const octet of content) {
    if (isLineStart && octet === 0x2e) wire[length++] = 0x2e;
    wire[length++] = octet;
    isLineStart = octet === 0x0a;
  }
  const end = isLineStart ? ".\r\n" : "\r\n.\r\n";
  wire.set(encoder.encode(end), length);
  return wire.subarray(0, length + end.length);
}
