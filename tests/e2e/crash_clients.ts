/** The clients of the crash test: each sends one message after the other, until it is told to stop. */
import { crc32 } from "node:zlib";
import { seeded } from "../smtp/wire.ts";
import type { Ledger, SentMessage } from "./crash_ledger.ts";
import { addressOf } from "./crash_receiver.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";

/** A server that can be sent to, until it ends. */
export interface Destination {
  readonly port: Promise<number>;
  /** Settles when it has ended. */
  readonly ended: Promise<unknown>;
}

/** What clients need. */
export interface ClientsOptions {
  readonly count: number;
  readonly seed: number;
  readonly oneLargeIn: number;
  /** Whether they send to recipients whom the receiver refuses as well. */
  readonly areSomeRefused: boolean;
  /** One of so many messages has a recipient in `never.test`, too; none where this is not given. */
  readonly oneInVainIn?: number;
  /** Whether the server may have a message whose end it has answered with 4yz. */
  readonly mayKeepRefused?: boolean;
  readonly ledger: Ledger;
  /** Where to send now, once there is somebody. */
  readonly destination: () => Promise<Destination>;
  /** Settles when the next message may be sent; at once where this is not given. */
  readonly pace?: () => Promise<void>;
  /** Told of each refusal that is not for good. */
  readonly putOff?: (code: number, text: string) => void;
}

/** Clients that send. */
export interface Clients {
  /** Has each end with the message that it is sending, which is repeated until it is acknowledged. */
  stop(): Promise<void>;
}

const DOMAINS = ["one.test", "two.test", "three.test"];

/** Starts clients. */
export function startClients(options: ClientsOptions): Clients {
  const { count, seed, ledger, oneLargeIn, oneInVainIn, areSomeRefused, pace } = options;
  const stopping = Promise.withResolvers<void>();
  let isStopping = false;

  async function run(client: number): Promise<void> {
    const below = seeded(seed * 1_000 + client);
    await using session = new ClientSession(options);
    for (let number = 1; !isStopping; number++) {
      await Promise.race([Promise.all([ledger.room(), pace?.()]), stopping.promise]);
      if (isStopping) break;
      const token = `c${client}n${number}`;
      const { message, content } = newMessage(
        token,
        below,
        below(oneLargeIn) === 0,
        areSomeRefused,
      );
      if (oneInVainIn !== undefined && below(oneInVainIn) === 0) {
        message.refused.push(addressOf("refused", token, "never.test"));
      }
      message.id = await session.send(message, content);
      ledger.promised(message);
    }
  }

  const all = Promise.all(Array.from({ length: count }, (_, client) => run(client)));
  return {
    async stop() {
      isStopping = true;
      stopping.resolve();
      await all;
    },
  };
}

/** Makes a message; one that is large gets a file of its own. */
function newMessage(
  token: string,
  below: (limit: number) => number,
  isLarge: boolean,
  areSomeRefused: boolean,
): { message: SentMessage & { readonly refused: string[] }; content: Uint8Array } {
  const lines = isLarge ? 4_300 + below(1_000) : below(60);
  const line = `${below(1e9)} ${"x".repeat(50)}\r\n`;
  const body = line.repeat(lines);
  const taken: string[] = [];
  const refused: string[] = [];
  const recipients = below(4) === 0 ? 2 + below(4) : 1;
  for (let i = 0; i < recipients; i++) {
    const domain = DOMAINS[below(DOMAINS.length)];
    if (areSomeRefused && below(8) === 0) refused.push(addressOf(`refused${i}`, token, domain));
    else taken.push(addressOf(`taken${i}`, token, domain));
  }
  const sender = addressOf("sender", token, "client.test");
  const content = octets([
    `From: <${sender}>`,
    `Subject: ${token}`,
    `X-Content: ${body.length} ${crc32(body).toString(16)}`,
    "",
    body,
  ].join("\r\n"));
  return { message: { token, sender, taken, refused, unanswered: 0 }, content };
}

/** A session of a client with whatever server there is. */
class ClientSession implements AsyncDisposable {
  readonly #options: ClientsOptions;
  #dialog: Dialog | undefined;
  #destination: Destination | undefined;

  constructor(options: ClientsOptions) {
    this.#options = options;
  }

  /** Sends a message until a server says 250, and answers how that server named it. */
  async send(message: SentMessage, content: Uint8Array): Promise<string> {
    const { sender, taken, refused } = message;
    for (;;) {
      let isInData = false;
      try {
        const dialog = await this.#open();
        const replies = await dialog.sendMail(sender, [...taken, ...refused], content, {
          inData: () => {
            isInData = true;
            return Promise.resolve();
          },
        });
        const { code, text } = replies.at(-1)!;
        const [, id] = /^2\.0\.0 Queued as (\w+)$/.exec(text) ?? [];
        if (code === 250 && id !== undefined) return id;
        if (code < 400 || code > 499) throw new Refusal(`${code} ${text}`);
        if (isInData && this.#options.mayKeepRefused) message.unanswered++;
        this.#options.putOff?.(code, text);
      } catch (error) {
        if (error instanceof Refusal) throw error;
        if (isInData) message.unanswered++;
        await this.#lost();
      }
    }
  }

  async #open(): Promise<Dialog> {
    if (this.#dialog !== undefined) return this.#dialog;
    this.#destination = await this.#options.destination();
    const port = await this.#destination.port;
    return this.#dialog = await Dialog.open(port);
  }

  /** A session is lost only when its server has ended; with one that goes on, this waits for ever. */
  async #lost(): Promise<void> {
    this.#close();
    await this.#destination?.ended;
  }

  #close(): void {
    this.#dialog?.[Symbol.dispose]();
    this.#dialog = undefined;
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#close();
    return Promise.resolve();
  }
}

/** A reply that no client should get. */
class Refusal extends Error {}
