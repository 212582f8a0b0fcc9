/** One process of hooks, and the questions that wait for it. @module */
import type { Log } from "../net/log.ts";
import type { Clock } from "../policy/clock.ts";
import type { HookStep } from "./hooks_module.ts";
import { HooksError } from "./hooks_error.ts";
import { type HostOptions, HostProcess } from "./host_process.ts";
import { moduleFile } from "./module_file.ts";
import { PrintedLog } from "./printed_log.ts";
import { type HostSettings, type Question, readSayings, type Saying } from "./protocol.ts";
import { type HookQuestion, questionText } from "./question.ts";
import { StrayTime } from "./stray_time.ts";
import { type HookOutcome, Waiting } from "./waiting.ts";

/** What a process of hooks needs. Times are in milliseconds. */
export interface HooksProcessOptions extends HostOptions {
  /** How long a hook may keep a session waiting. */
  readonly timeout: number;
  /** Octets of memory that hooks may take. */
  readonly memory: number;
  readonly log: Log;
  readonly clock: Clock;
}

/** How a process ended. */
export interface HooksEnd {
  readonly reason: string;
  /** How many questions waited for it. */
  readonly waiting: number;
}

/** How long a process may take to load its module. */
const LOAD_TIME = 30_000;

/** Questions that may wait for one process. */
const MOST_WAITING = 10_000;

/**
 * Characters of questions that the process has at a time, so that many large header sections do not take
 * the memory that hooks may use. The other questions wait here.
 */
const MOST_ASKED = 2 * 1024 * 1024;

const encoder = new TextEncoder();

function begin(options: HooksProcessOptions): HooksProcess {
  const file = moduleFile(options.file);
  try {
    return new HooksProcess({ ...options, file });
  } catch (error) {
    throw new HooksError(`their process cannot be started: ${(error as Error).message}`, error);
  }
}

/** A process of hooks that has loaded its module. */
export class HooksProcess {
  /** Settles when nothing more can be asked. */
  readonly ended: Promise<HooksEnd>;
  /** Settles when nothing is left of the process. */
  readonly closed: Promise<void>;
  readonly #host: HostProcess;
  readonly #clock: Clock;
  readonly #timeout: number;
  readonly #printed: PrintedLog;
  readonly #mark = crypto.randomUUID();
  readonly #loaded = Promise.withResolvers<readonly HookStep[]>();
  readonly #over = Promise.withResolvers<HooksEnd>();
  readonly #waiting = new Map<number, Waiting>();
  /** Ids of questions that are still here. */
  readonly #here: number[] = [];
  #steps: ReadonlySet<HookStep> = new Set();
  /** When deadlines are looked at next; one timer is enough for all of them, and is seldom set. */
  #nextLook = Infinity;
  #look: Disposable | undefined;
  readonly #stray: StrayTime;
  #lastId = 0;
  #asked = 0;
  #isWriting = false;
  #outgoing: Uint8Array[] = [];
  #why: string | undefined;
  #isRetired = false;

  /** Starts the process; {@linkcode start} waits for it as well. */
  constructor(options: HooksProcessOptions) {
    const { timeout, memory, log, clock, file, grants } = options;
    this.#clock = clock;
    this.#timeout = timeout;
    this.#stray = new StrayTime(timeout);
    this.#printed = new PrintedLog(log, clock);
    this.#host = new HostProcess(options);
    this.ended = this.#over.promise;
    this.#loaded.promise.catch(() => {});
    const settings: HostSettings = { mark: this.#mark, file, grants, memory };
    this.#write(encoder.encode(`${JSON.stringify(settings)}\n`));
    this.closed = this.#run();
  }

  /**
   * Starts a process and has it load the module.
   *
   * @param signal ends it before it is loaded
   * @throws {HooksError} if the module cannot be used
   */
  static async start(
    options: HooksProcessOptions,
    { signal }: { readonly signal: AbortSignal },
  ): Promise<HooksProcess> {
    const started = begin(options);
    using _limit = options.clock.after(
      LOAD_TIME,
      () => started.#end(`they were not loaded in ${LOAD_TIME / 1_000} s`),
    );
    const kill = () => started.kill();
    signal.addEventListener("abort", kill, { once: true });
    try {
      started.#steps = new Set(await started.#loaded.promise);
      if (signal.aborted) throw new HooksError("they are not needed any more");
      return started;
    } catch (error) {
      await started.closed;
      throw error;
    } finally {
      signal.removeEventListener("abort", kill);
    }
  }

  /** The hooks that the module has. */
  get steps(): ReadonlySet<HookStep> {
    return this.#steps;
  }

  /** Asks a hook. Never rejects. */
  ask(question: HookQuestion): Promise<HookOutcome> {
    if (this.#why !== undefined || this.#waiting.size >= MOST_WAITING) {
      return Promise.resolve({ kind: "unavailable" });
    }
    const { promise, resolve } = Promise.withResolvers<HookOutcome>();
    const id = ++this.#lastId;
    const waiting = new Waiting(question, {
      ...{ time: this.#timeout, clock: this.#clock, settle: resolve },
    });
    this.#waiting.set(id, waiting);
    this.#lookAt(waiting.deadline);
    this.#here.push(id);
    this.#writeSoon();
    return promise;
  }

  /** Lets the process answer what it was asked, and ends it then. It is asked nothing more. */
  retire(): void {
    this.#isRetired = true;
    if (this.#waiting.size === 0) this.kill();
  }

  /** Ends the process at once. */
  kill(): void {
    this.#end("they are not needed any more");
  }

  /** Looks at deadlines when this one comes, if that is sooner than they are looked at anyway. */
  #lookAt(deadline: number): void {
    if (deadline >= this.#nextLook || this.#why !== undefined) return;
    this.#look?.[Symbol.dispose]();
    this.#nextLook = deadline;
    const delay = Math.max(0, deadline - this.#clock.now());
    this.#look = this.#clock.after(delay, () => this.#endLate());
  }

  #endLate(): void {
    this.#nextLook = Infinity;
    const now = this.#clock.now();
    for (const [id, { deadline, length, question }] of this.#waiting) {
      if (deadline > now) this.#lookAt(deadline);
      // A question that never got through says nothing of the process.
      else if (length === 0) this.#settle(id, { kind: "unavailable" });
      else return this.#end(`${question.step} took longer than ${this.#timeout} ms`);
    }
  }

  #settle(id: number, outcome: HookOutcome): void {
    const waiting = this.#waiting.get(id)!;
    this.#waiting.delete(id);
    this.#asked -= waiting.length;
    waiting.settle(outcome);
    if (this.#isRetired && this.#waiting.size === 0) this.kill();
    else if (this.#here.length > 0) this.#writeSoon();
  }

  /** Writes once whoever is about to ask in this turn has done so; while it writes, the next batch gathers. */
  #writeSoon(): void {
    if (this.#isWriting) return;
    this.#isWriting = true;
    queueMicrotask(async () => {
      for (;;) {
        this.#gather();
        if (this.#outgoing.length === 0 || this.#why !== undefined) break;
        const outgoing = this.#outgoing;
        this.#outgoing = [];
        for (const bytes of outgoing) await this.#host.write(bytes);
      }
      this.#isWriting = false;
    });
  }

  #write(bytes: Uint8Array): void {
    this.#stray.asked(this.#clock.now());
    this.#outgoing.push(bytes);
    this.#writeSoon();
  }

  /** Makes a batch of the questions that are here, as many as the process may have. */
  #gather(): void {
    const texts: string[] = [];
    while (this.#here.length > 0 && this.#asked < MOST_ASKED) {
      const id = this.#here.shift()!;
      const waiting = this.#waiting.get(id);
      if (waiting === undefined) continue;
      const text = questionText(id, waiting.question);
      waiting.length = text.length;
      this.#asked += text.length;
      texts.push(text);
    }
    if (texts.length > 0) this.#write(encoder.encode(`[${texts.join()}]\n`));
  }

  async #run(): Promise<void> {
    const { output, errors, ended } = this.#host;
    const reads = [this.#listen(output), this.#listen(errors)];
    const why = await ended;
    // What it said before it ended is still to be read, as far as nobody else holds the pipe.
    using _limit = this.#clock.after(1_000, () => this.#host.kill());
    await Promise.all(reads);
    this.#end(why);
  }

  /** Reads lines to the end; those that are not ours were printed by hooks. */
  async #listen(lines: HostProcess["output"]): Promise<void> {
    try {
      for (let line = await lines.line(); line !== undefined; line = await lines.line()) {
        if (line === "" || this.#take(line) || this.#printed.take(line)) continue;
        return this.#end("they printed too much");
      }
    } catch (error) {
      this.#end(error instanceof RangeError ? "they printed too much" : `${error}`);
    }
  }

  /** Takes a line of the worker's, or of the host's; answers whether it is one. */
  #take(line: string): boolean {
    if (!line.startsWith(`${this.#mark} `)) {
      // A line of ours into which something was printed.
      if (line.includes(this.#mark)) this.#end("they broke what their process says");
      return false;
    }
    try {
      for (const saying of readSayings(line.slice(this.#mark.length + 1))) this.#hear(saying);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      this.#end("their process said what makes no sense");
    }
    return true;
  }

  #hear(saying: Saying): void {
    switch (saying.kind) {
      case "used":
        if (!this.#stray.isTooMuch(saying.time, this.#clock.now())) return;
        return this.#end("they worked on while nobody asked them anything");
      case "ready":
        return this.#loaded.resolve(saying.steps);
      case "unusable":
        return this.#end(saying.reason);
      case "print":
        if (!this.#printed.take(saying.text)) this.#end("they printed too much");
        return;
    }
    const waiting = this.#waiting.get(saying.id);
    if (waiting === undefined || waiting.length === 0) {
      return this.#end("they answered what they were not asked, or twice");
    }
    if (saying.kind !== "wants") return this.#settle(saying.id, saying);
    if (waiting.mayRead) void this.#giveSlice(saying.id, waiting);
    else this.#end("they asked for a message that they were not given");
  }

  /** Gives the hook the next slice of its message, when the client has sent it. */
  async #giveSlice(id: number, waiting: Waiting): Promise<void> {
    const slice = await waiting.nextSlice();
    if (this.#waiting.get(id) !== waiting) return;
    this.#lookAt(waiting.deadline);
    if (typeof slice === "string") {
      const question: Question = { id, content: slice };
      this.#write(encoder.encode(`${JSON.stringify([question])}\n`));
    } else {
      this.#write(encoder.encode(`#${id} ${slice.length}\n`));
      this.#write(slice);
    }
  }

  /** Ends the process for a reason; what waits is told that there is no answer. */
  #end(why: string): void {
    if (this.#why !== undefined) return;
    this.#why = why;
    this.#look?.[Symbol.dispose]();
    this.#host.kill();
    this.#printed.end();
    this.#loaded.reject(new HooksError(why));
    this.#over.resolve({ reason: why, waiting: this.#waiting.size });
    for (const id of [...this.#waiting.keys()]) this.#settle(id, { kind: "unavailable" });
  }
}
