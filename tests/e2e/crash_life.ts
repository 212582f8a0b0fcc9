/** One life of the server of the crash test: a process from its start until it is killed, or drained. */
import type { Script } from "./crash_server.ts";

const root = new URL("../../", import.meta.url).pathname;
const SERVER = new URL("./crash_server.ts", import.meta.url).pathname;

/** What a life tells while it lasts. */
export interface LifeEvents {
  /** An attempt's outcome for a recipient is on stable storage. */
  recorded(id: string, address: string): void;
  /** Something went wrong in the server. */
  log(event: Readonly<Record<string, unknown>> & { readonly event: string }): void;
}

/** A server process. */
export class Life {
  /** Its number, which its host name tells as well. */
  readonly number: number;
  /** The port it listens on; rejects if the process ends before it does. */
  readonly port: Promise<number>;
  /** How it ended, once all that it has said was heard. */
  readonly ended: Promise<Deno.CommandStatus>;
  /** What it wrote to standard error. */
  errors = "";
  readonly #child: Deno.ChildProcess;
  readonly #events: LifeEvents;
  readonly #open = Promise.withResolvers<number>();
  readonly #empty = Promise.withResolvers<void>();
  #commands: WritableStreamDefaultWriter<Uint8Array> | undefined;

  /** Starts one. */
  constructor(number: number, script: Script, flags: readonly string[], events: LifeEvents) {
    this.number = number;
    this.#events = events;
    this.port = this.#open.promise;
    // It may be that nobody waits for these when it is killed.
    this.port.catch(() => {});
    this.#empty.promise.catch(() => {});
    this.#child = new Deno.Command(Deno.execPath(), {
      args: [
        ...["run", "-q", "--no-check", "-P=test", SERVER, JSON.stringify(script)],
        ...["--host", "127.0.0.1", "--port", "0", "--hostname", hostnameOf(number), ...flags],
      ],
      cwd: root,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.ended = this.#listen();
  }

  /** Ends it as `kill -9` does. */
  kill(): void {
    try {
      this.#child.kill("SIGKILL");
    } catch (error) {
      if (!(error instanceof TypeError)) throw error;
      // It has ended already.
    }
  }

  /** Settles once nothing waits in the queue. */
  async empty(): Promise<void> {
    this.#commands ??= this.#child.stdin.getWriter();
    await this.#commands.write(new TextEncoder().encode("finish\n"));
    await this.#empty.promise;
  }

  /** Drains it. */
  async stop(): Promise<Deno.CommandStatus> {
    this.#commands ??= this.#child.stdin.getWriter();
    await this.#commands.close();
    return await this.ended;
  }

  async #listen(): Promise<Deno.CommandStatus> {
    const [, , status] = await Promise.all([this.#lines(), this.#errors(), this.#child.status]);
    const error = new Error(`Cannot go on: server ${this.number} has ended\n${this.errors}`);
    this.#open.reject(error);
    this.#empty.reject(error);
    await (this.#commands ?? this.#child.stdin).close().catch(() => {});
    return status;
  }

  async #lines(): Promise<void> {
    let rest = "";
    for await (const text of this.#child.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = (rest + text).split("\n");
      rest = lines.pop()!;
      for (const line of lines) this.#take(line);
    }
  }

  #take(line: string): void {
    const [word, ...values] = line.split(" ");
    if (word === "open") this.#open.resolve(Number(values[0]));
    if (word === "empty") this.#empty.resolve();
    if (word === "recorded") this.#events.recorded(values[0], values[1]);
    if (word === "log") this.#events.log(JSON.parse(line.slice(4)));
  }

  async #errors(): Promise<void> {
    for await (const text of this.#child.stderr.pipeThrough(new TextDecoderStream())) {
      this.errors += text;
    }
  }
}

/** The name by which the server of one life can be told. */
export function hostnameOf(life: number): string {
  return `life${life}.smtpd.test`;
}

/** The life of a server that has called itself so. */
export function lifeOf(hostname: string | undefined): number {
  const [, number] = /^life(\d+)\.smtpd\.test$/.exec(hostname ?? "") ?? [];
  if (number === undefined) throw new TypeError(`Cannot tell whose name ${hostname} is`);
  return Number(number);
}
