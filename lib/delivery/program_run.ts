/** One run of a program that is given a message. @module */
import type { Clock } from "../net/clock.ts";
import { printable, type Reply, reply, standingReply } from "../smtp/reply.ts";
import { meaningOf } from "./exit_status.ts";
import { FirstLine } from "./first_line.ts";

/** What to run. */
export interface Invocation {
  /** The absolute path of the program. */
  readonly path: string;
  /** Its arguments, as it gets them. */
  readonly args: readonly string[];
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
}

/** How long a program may keep us waiting, in all, in milliseconds. */
const TIME_LIMIT = 5 * 60_000;
/** How long it has to end by itself once it was asked to. */
const GRACE = 2_000;
/** How long its output is waited for when it has ended: a process that it left behind may hold it open. */
const OUTPUT_TIME = 1_000;
/** What is looked at of its output. */
const OUTPUT = { maxOctets: 4 * 1024, toTheEnd: true };

const TOO_LONG = standingReply(451, "4.3.0", "The program took too long");

/**
 * The process. What it is made to wait does not count against it; what it makes us wait does, in taking
 * the message as well as in ending.
 */
export class ProgramRun {
  readonly #child: Deno.ChildProcess;
  readonly #clock: Clock;
  readonly #input: WritableStreamDefaultWriter<Uint8Array>;
  readonly #outputs: readonly FirstLine[];
  /** Settles when the process has ended, or was killed and there is nothing more to be done. */
  readonly #over = Promise.withResolvers<void>();
  #status: Deno.CommandStatus | undefined;
  #timeLeft = TIME_LIMIT;
  #takesInput = true;
  #isStopped = false;
  #kill: Disposable | undefined;

  /** Starts the program. @throws what the system says where it cannot be started */
  constructor({ path, args, env }: Invocation, clock: Clock) {
    this.#clock = clock;
    this.#child = new Deno.Command(path, {
      args: [...args],
      env,
      clearEnv: true,
      stdin: "piped",
      stdout: "piped",
      stderr: "piped",
    }).spawn();
    this.#input = this.#child.stdin.getWriter();
    // A program that does not want the whole message closes its end, which is no error of its own.
    this.#input.closed.catch(() => {});
    const { stdout, stderr } = this.#child;
    this.#outputs = [stdout, stderr].map((stream) => new FirstLine(stream, OUTPUT));
    this.#child.status.then((status) => this.#ended(status));
  }

  /** Gives the program octets, which must not change any more. A program that does not want them is left alone. */
  async write(bytes: Uint8Array): Promise<void> {
    if (!this.#takesInput) return;
    await this.#waitFor(
      this.#input.write(bytes).catch(() => {
        this.#takesInput = false;
      }),
    );
  }

  /** Ends the message and answers what the program says of it. */
  async end(): Promise<Reply> {
    // A program that was stopped must not take the end of what it has for the end of the message.
    if (!this.#isStopped) this.#input.close().catch(() => {});
    await this.#waitFor(this.#over.promise);
    if (this.#isStopped || this.#status === undefined) return TOO_LONG;
    const [code, enhanced, text] = meaningOf(this.#status.code);
    return reply(code, enhanced, await this.#said() || text);
  }

  /**
   * Stops the program, at first kindly. Its input stays open until it has ended, so that it cannot take
   * what it has for the whole message.
   */
  stop(): void {
    if (this.#isStopped) return;
    this.#isStopped = true;
    this.#takesInput = false;
    if (this.#status !== undefined) return;
    this.#signal("SIGTERM");
    this.#kill = this.#clock.after(GRACE, () => {
      this.#signal("SIGKILL");
      this.#over.resolve();
    });
  }

  /** Waits, but not for longer than the program has left, nor for a program that has ended. */
  async #waitFor(step: Promise<void>): Promise<void> {
    const began = this.#clock.now();
    {
      using _limit = this.#clock.after(Math.max(0, this.#timeLeft), () => this.stop());
      await Promise.race([step, this.#over.promise]);
    }
    this.#timeLeft -= this.#clock.now() - began;
  }

  #ended(status: Deno.CommandStatus): void {
    this.#status = status;
    this.#takesInput = false;
    this.#kill?.[Symbol.dispose]();
    // Whoever inherited the other end may never read from it.
    this.#input.abort().catch(() => {});
    if (this.#isStopped) this.#closeOutputs();
    this.#over.resolve();
  }

  #signal(signal: Deno.Signal): void {
    try {
      this.#child.kill(signal);
    } catch {
      // It has ended already.
    }
  }

  /** The first line that the program said, fit for a reply. */
  async #said(): Promise<string> {
    const whole = Promise.all(this.#outputs.map((output) => output.ended));
    const late = Promise.withResolvers<void>();
    {
      using _limit = this.#clock.after(OUTPUT_TIME, () => late.resolve());
      await Promise.race([whole, late.promise]);
    }
    this.#closeOutputs();
    return printable(this.#outputs.map(({ text }) => text).find((text) => text !== "") ?? "");
  }

  #closeOutputs(): void {
    for (const output of this.#outputs) output.close();
  }
}
