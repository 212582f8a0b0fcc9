/** What a server of the crash test lives among: a receiver, clients, a state directory, the ledger. */
import { assertEquals } from "@std/assert";
import { assertInvariants } from "../queue/invariants.ts";
import { type Clients, startClients } from "./crash_clients.ts";
import { type Figures, Ledger } from "./crash_ledger.ts";
import { Life } from "./crash_life.ts";
import { type Receiver, startReceiver } from "./crash_receiver.ts";
import type { Script } from "./crash_server.ts";
import { News } from "./news.ts";
import { temporaryDirectory } from "./smtpd.ts";

/** How long anything may take that is waited for, in milliseconds. */
const PATIENCE = 60_000;

/** Recipients that wait before clients pause: what is left at the end is delivered in seconds. */
const MOST_WAITING = 400;

/** How the world is. */
export interface WorldOptions {
  readonly seed: number;
  readonly clients: number;
  /** One of so many messages is too large for the database. */
  readonly oneLargeIn: number;
  /** Whether a server may have a message whose end it has answered with 4yz. */
  readonly mayKeepRefused?: boolean;
  /** A receiver that takes everything and enters it at the end, instead of that of the test. */
  readonly sink?: Receiver;
}

/** The world. */
export class CrashWorld implements AsyncDisposable {
  readonly ledger: Ledger;
  /** How often clients were told to come back, by what they were told. */
  readonly refusals = new Map<string, number>();
  /** What servers have logged that is worse than information, as JSON. */
  readonly logged: string[] = [];
  readonly #news = new News();
  readonly #directory = temporaryDirectory();
  readonly #receiver: Receiver;
  readonly #clients: Clients;
  readonly #flags: readonly string[];
  #lives = 0;
  #current = Promise.withResolvers<Life>();
  #life: Life | undefined;

  /** Begins to send, as soon as there is a server. */
  constructor({ seed, clients, sink, ...options }: WorldOptions) {
    this.ledger = new Ledger(sink === undefined ? MOST_WAITING : Infinity);
    this.#receiver = sink ?? startReceiver(seed, this.ledger);
    this.#clients = startClients({
      count: clients,
      seed,
      areSomeRefused: sink === undefined,
      ...options,
      ledger: this.ledger,
      destination: () => this.#current.promise,
      putOff: (code, text) => count(this.refusals, `${code} ${text}`),
    });
    const config = `${this.#directory.path}/config.json`;
    Deno.writeTextFileSync(config, JSON.stringify({ queueHistory: "300ms" }));
    this.#flags = [
      ...["--queue", this.queue, "--config", config, "--retry", "200ms,500ms"],
      ...["--route", `smtp://127.0.0.1:${this.#receiver.port}`],
    ];
  }

  /** The state directory. */
  get queue(): string {
    return `${this.#directory.path}/queue`;
  }

  /** How often the receiver has put something off. */
  get putOff(): number {
    return this.#receiver.putOff();
  }

  /** Starts a server, which is where clients send until it ends. */
  begin(script: Script): Life {
    const number = ++this.#lives;
    const life = new Life(number, script, this.#flags, {
      recorded: (id, address) => this.ledger.recorded(number, id, address),
      log: (event) => {
        this.logged.push(JSON.stringify(event));
        this.#news.tell();
        if (event.event === "bug" || event.event === "entry-damaged") {
          this.ledger.wrong(JSON.stringify(event));
        }
      },
    });
    this.#life = life;
    this.#current.resolve(life);
    life.ended.then(() => this.#current = Promise.withResolvers());
    return life;
  }

  /** Waits until a server has logged something that has these words in it. */
  logs(words: string): Promise<void> {
    return this.#news.until(() => this.logged.some((line) => line.includes(words)));
  }

  /** Has the clients end, lets the server deliver all that it has, and checks every promise. */
  async finish(life: Life): Promise<Figures> {
    await inTime("the clients end", this.#clients.stop(), life);
    await inTime("the queue is empty", life.empty(), life);
    const { code } = await inTime("the server ends", life.stop(), life);
    assertEquals(code, 0, life.errors);
    assertInvariants(this.queue);
    this.#receiver.collect?.(this.ledger);
    return this.ledger.check();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#life?.kill();
    await this.#life?.ended;
    await this.#receiver[Symbol.asyncDispose]();
    this.#directory[Symbol.dispose]();
  }
}

function count(counts: Map<string, number>, name: string): void {
  counts.set(name, (counts.get(name) ?? 0) + 1);
}

/** Waits for something; where it does not come, the server hangs, and is killed. */
export async function inTime<T>(what: string, waiting: Promise<T>, life: Life): Promise<T> {
  let isLate = false;
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    isLate = true;
    life.kill();
    late.reject(new Error(`Cannot wait any longer until ${what}\n${life.errors}`));
  }, PATIENCE);
  try {
    const value = await Promise.race([waiting, late.promise]);
    if (isLate) throw new Error(`Cannot wait any longer until ${what}`);
    return value;
  } finally {
    clearTimeout(timer);
  }
}
