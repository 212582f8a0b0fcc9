/**
 * Hooks in a file: a module that runs in a process of its own, which is started again when it ends.
 *
 * @module
 */
import { systemClock } from "../net/clock.ts";
import { type Log, noLog } from "../net/log.ts";
import type { Clock } from "../policy/clock.ts";
import type { Hooks, MaybePromise } from "../policy/hooks.ts";
import { readDataVerdict, readRcptVerdict, readVerdict } from "../policy/verdict.ts";
import { type Reply, SmtpError } from "../smtp/reply.ts";
import type { HookStep } from "./hooks_module.ts";
import type { HostProgram } from "./host_process.ts";
import { HooksError } from "./hooks_error.ts";
import { HooksProcess, type HooksProcessOptions } from "./hooks_process.ts";
import type { HookGrants } from "./protocol.ts";
import type { HookQuestion } from "./question.ts";
import { verdictOf } from "./verdict.ts";
import type { HookOutcome } from "./waiting.ts";

/** Where hooks are, and what they may take and do. */
export interface HooksFileOptions {
  /** The path of the module: JavaScript, or from source TypeScript as well. */
  readonly file: string;
  /** How long a hook may keep a session waiting, in milliseconds; 10,000 if left out. */
  readonly timeout?: number;
  /** Octets of memory that hooks may take; 256 MiB if left out. */
  readonly memory?: number;
  /** What hooks may do beyond computing; nothing if left out. */
  readonly grants?: HookGrants;
  /** The variables of the environment that they may read, where these are set; none if left out. */
  readonly environment?: Readonly<Record<string, string>>;
  /** The executable that has the host in it; Deno itself if left out. */
  readonly program?: HostProgram;
  /** Who is told what happens to hooks, and what they print. */
  readonly log?: Log;
  /** The machine's if left out. */
  readonly clock?: Clock;
}

const NO_GRANTS: HookGrants = { net: [], read: [], env: [] };

/**
 * How long a process that ended is let be, in milliseconds. The first time it is started again at once; each
 * time that follows soon, the pause is twice as long.
 */
const FIRST_PAUSE = 1_000;
const LONGEST_PAUSE = 30_000;

/** How long a process has to last so that its end is a first one. */
const LASTING = 60_000;

/** What a session is told when hooks have no answer for it. */
function unavailable(): SmtpError {
  return new SmtpError(
    451,
    "4.3.0",
    "The policy of this server cannot be asked now, try again later",
  );
}

/** Hooks that a module has. Where it has no answer for a session, that is told 451 4.3.0. */
export class HooksFile implements AsyncDisposable {
  /** The hooks, to be asked by a server. Those that the module does not have go on at once. */
  readonly hooks: Hooks = {
    connect: (session) => this.#ask({ step: "connect", session, facts: [] }, readVerdict),
    helo: (session) => this.#ask({ step: "helo", session, facts: [] }, readVerdict),
    mail: (session, mail) => this.#ask({ step: "mail", session, facts: [mail] }, readVerdict),
    rcpt: (session, rcpt, mail) =>
      this.#ask({ step: "rcpt", session, facts: [rcpt, mail] }, readRcptVerdict),
    data: (session, { envelope, header, content }) =>
      this.#ask({ step: "data", session, facts: [{ envelope, header }], content }, readDataVerdict),
  };
  readonly #options: HooksProcessOptions;
  readonly #log: Log;
  readonly #clock: Clock;
  /** The process, or the one that is being started; nothing during a pause. */
  #current: HooksProcess | undefined;
  #starting: Promise<HooksProcess | undefined> | undefined;
  /** The hooks that the module has, as far as it is known. */
  #steps: ReadonlySet<HookStep> = new Set();
  /** Every process that has not ended, those among them that are to answer what they were asked. */
  readonly #processes = new Set<HooksProcess>();
  #pause = 0;
  #retry: Disposable | undefined;
  #reloading: Promise<void> | undefined;
  #isReloadWanted = false;
  readonly #closing = new AbortController();

  private constructor(options: HooksFileOptions) {
    const {
      file,
      timeout = 10_000,
      memory = 256 * 1024 * 1024,
      grants = NO_GRANTS,
      environment = {},
      program,
      log = noLog,
      clock = systemClock,
    } = options;
    this.#options = { file, timeout, memory, grants, environment, program, log, clock };
    this.#log = log;
    this.#clock = clock;
  }

  /**
   * Starts the process of a module and waits until it is loaded.
   *
   * @throws {HooksError} if it cannot be used
   */
  static async open(options: HooksFileOptions): Promise<HooksFile> {
    const opened = new HooksFile(options);
    opened.#use(await HooksProcess.start(opened.#options, opened.#closing));
    return opened;
  }

  /**
   * Loads the module again, in a new process; the old one answers what it was asked. If the module cannot
   * be used, that is logged, and the old one stays. Never rejects.
   */
  reload(): Promise<void> {
    this.#isReloadWanted = true;
    return this.#reloading ??= this.#reload();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#closing.abort();
    this.#retry?.[Symbol.dispose]();
    await Promise.all([this.#starting, this.#reloading]);
    for (const process of this.#processes) process.kill();
    await Promise.all([...this.#processes].map(({ closed }) => closed));
  }

  #ask<T>(question: HookQuestion, read: (answer: unknown) => T): MaybePromise<Reply | T | void> {
    if (!this.#steps.has(question.step)) return;
    return this.#answer(question, read);
  }

  async #answer<T>(question: HookQuestion, read: (answer: unknown) => T): Promise<Reply | T> {
    const asked = this.#current ?? await this.#starting;
    const outcome: HookOutcome = await asked?.ask(question) ?? { kind: "unavailable" };
    switch (outcome.kind) {
      case "unavailable":
        throw unavailable();
      case "failure":
        throw this.#failed(question, outcome.error);
      case "answer":
        try {
          return verdictOf(outcome.answer, read);
        } catch (error) {
          throw this.#failed(question, (error as Error).message);
        }
    }
  }

  /** Logs what a hook did instead of answering. */
  #failed({ step, session }: HookQuestion, error: string): SmtpError {
    this.#log("error", "hook-failed", { session: session.id, step, error });
    return unavailable();
  }

  /** Asks this process from now on. */
  #use(process: HooksProcess): void {
    const began = this.#clock.now();
    this.#current?.retire();
    this.#current = process;
    this.#processes.add(process);
    process.closed.then(() => this.#processes.delete(process));
    this.#steps = process.steps;
    this.#log("info", "hooks-loaded", {
      file: this.#options.file,
      hooks: [...process.steps].join(" "),
    });
    process.ended.then(({ reason, waiting }) => {
      // One that was retired ends as it should.
      if (this.#current !== process || this.#closing.signal.aborted) return;
      this.#current = undefined;
      if (this.#clock.now() - began >= LASTING) this.#pause = 0;
      this.#log("error", "hooks-ended", { reason, waiting, again: this.#pause });
      this.#startLater();
    });
  }

  /** Starts the process again after a pause; where there is none, who asks meanwhile waits for it. */
  #startLater(): void {
    const pause = this.#pause;
    this.#pause = Math.min(LONGEST_PAUSE, Math.max(FIRST_PAUSE, 2 * pause));
    const start = () => {
      this.#starting = this.#start();
    };
    if (pause === 0) start();
    else this.#retry = this.#clock.after(pause, start);
  }

  async #start(): Promise<HooksProcess | undefined> {
    const started = await this.#load();
    this.#starting = undefined;
    if (started !== undefined) this.#use(started);
    else if (!this.#closing.signal.aborted) this.#startLater();
    return started;
  }

  async #reload(): Promise<void> {
    while (this.#isReloadWanted) {
      this.#isReloadWanted = false;
      await this.#starting;
      const started = await this.#load();
      if (started === undefined) continue;
      this.#retry?.[Symbol.dispose]();
      this.#pause = 0;
      this.#use(started);
    }
    this.#reloading = undefined;
  }

  /** Starts a process; `undefined` where it cannot be, which is logged. */
  async #load(): Promise<HooksProcess | undefined> {
    const { signal } = this.#closing;
    if (signal.aborted) return undefined;
    try {
      return await HooksProcess.start(this.#options, { signal });
    } catch (error) {
      if (!(error instanceof HooksError)) throw error;
      const { file } = this.#options;
      if (!signal.aborted) this.#log("error", "hooks-bad", { file, error: error.reason });
    }
  }
}
