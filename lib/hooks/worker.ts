/**
 * The first module of the worker that hooks run in: it loads the module of hooks, hands it what the server
 * asks, and answers with what can be written as JSON.
 *
 * The hooks share this thread and can do to it what they like; whatever they make it say is looked at by
 * the server. What stands here keeps honest hooks from harm.
 *
 * @module
 */
import { HOOK_STEPS, type HookStep } from "./hooks_module.ts";
import { LineReader } from "./line_reader.ts";
import { type LoadOrder, MAX_ASKED, type Question, type Saying, writeSayings } from "./protocol.ts";

interface WorkerScope {
  postMessage(said: "up" | "gone"): void;
  addEventListener(
    type: "message",
    listener: (event: MessageEvent<LoadOrder>) => void,
    options: { readonly once: true },
  ): void;
}

type Timer = (callback: unknown, ...rest: readonly unknown[]) => unknown;

/** A hook that waits for a slice of its message. */
interface Reader {
  resolve(slice: Uint8Array | undefined): void;
  reject(error: Error): void;
}

/** Characters of one answer at most. */
const MAX_ANSWER = 64 * 1024;

/** Characters that are said at once; the server reads lines of a MiB. */
const MAX_BATCH = 256 * 1024;

/** Octets that are read at once. */
const READ_AT_ONCE = 64 * 1024;

/** Characters of a stack, and of a line that hooks print. */
const MAX_ERROR = 4_000;
const MAX_PRINTED = 1_000;

/** Lines that hooks may print in a second; the others are dropped here, where that costs the least. */
const MOST_PRINTED = 50;

/** Functions that do not change when the hooks change those of everybody. */
const { parse, stringify } = JSON;
const write = Deno.stdout.writeSync.bind(Deno.stdout);
const read = Deno.stdin.read.bind(Deno.stdin);
const { getPrototypeOf, prototype: plain } = Object;
const { inspect } = Deno;
const { now } = Date;
const scope = globalThis as unknown as WorkerScope;
const post = scope.postMessage.bind(scope);

type Hook = (...args: readonly unknown[]) => unknown;

const hooks = new Map<HookStep, Hook>();
/** The messages whose hook has not answered; and the reader of each, where one waits. */
const contents = new Map<number, Reader | undefined>();

/** What begins each line of ours. */
let mark = "";
let said: string[] = [];
let saidLength = 0;

/** Says something, together with what else is said before the thread has nothing to do. */
function say(saying: Saying): void {
  if (said.length === 0) queueMicrotask(flush);
  const text = stringify(saying);
  said.push(text);
  saidLength += text.length;
  if (saidLength > MAX_BATCH) flush();
}

function flush(): void {
  if (said.length === 0) return;
  const sayings = `[${said.join(",")}]`;
  said = [];
  saidLength = 0;
  // It waits for the server, which is what keeps hooks from saying too much.
  writeSayings(mark, sayings, write);
}

/** The content of a message, slice by slice as the hook asks for them. */
async function* contentOf(id: number): AsyncGenerator<Uint8Array> {
  for (;;) {
    if (!contents.has(id)) throw new Error("Cannot read on: the message has its answer");
    const { promise, resolve, reject } = Promise.withResolvers<Uint8Array | undefined>();
    contents.set(id, { resolve, reject });
    say({ kind: "wants", id });
    const slice = await promise;
    if (slice === undefined) return;
    yield slice;
  }
}

/** Takes the reader that waits for a slice, if it still does. */
function readerOf(id: number): Reader | undefined {
  const reader = contents.get(id);
  if (reader !== undefined) contents.set(id, undefined);
  return reader;
}

/** What was thrown, for the log. Whatever it is, asking it must not end the worker. */
function describe(error: unknown): string {
  try {
    const text = error instanceof Error ? error.stack ?? error.message : inspect(error);
    const lines = `${text}`.slice(0, MAX_ERROR).split("\n");
    // What stands behind a call from here says nothing of the hook.
    const ours = lines.findIndex((line) => line.includes(import.meta.url));
    return lines.slice(0, ours < 1 ? lines.length : ours).join("\n");
  } catch {
    return "something that cannot be shown";
  }
}

/** What was thrown as an answer, where it has the code of a refusal; otherwise it is thrown again. */
function refusalIn(error: unknown): unknown {
  if (typeof error !== "object" || error === null) throw error;
  const { code, enhanced, text, lines, message } = error as Record<string, unknown>;
  if (typeof code !== "number" || code < 400 || code > 599) throw error;
  return { code, enhanced, ...(lines === undefined ? { text: text ?? message } : { lines }) };
}

/** Holds that an answer is one that can be told. */
function tellable(answer: unknown): unknown {
  if (answer === undefined) return undefined;
  // A map, or whatever else has its members elsewhere, would be written as an object that decides nothing.
  if (typeof answer === "object" && ![plain, null].includes(getPrototypeOf(answer ?? {}))) {
    throw new TypeError(
      `Cannot take ${inspect(answer).slice(0, 100)} as an answer: it is not plain`,
    );
  }
  const text = stringify(answer);
  if (text === undefined) throw new TypeError(`Cannot take a ${typeof answer} as an answer`);
  if (text.length > MAX_ANSWER) {
    throw new RangeError(`Cannot take an answer of more than ${MAX_ANSWER} characters`);
  }
  // What is sent is what was looked at: a getter may answer differently the next time.
  return parse(text);
}

async function ask(id: number, step: HookStep, args: readonly unknown[]): Promise<void> {
  try {
    let answer: unknown;
    try {
      answer = await hooks.get(step)!(...args);
      if (answer instanceof Error) throw answer;
    } catch (error) {
      answer = refusalIn(error);
    }
    say({ kind: "answer", id, answer: tellable(answer) });
  } catch (error) {
    say({ kind: "failure", id, error: describe(error) });
  } finally {
    contents.delete(id);
  }
}

function take(question: Question): void {
  const { id } = question;
  if ("content" in question) {
    const reader = readerOf(id);
    if (question.content === "end") reader?.resolve(undefined);
    else reader?.reject(new Error("Cannot read on: the client did not send the whole message"));
    return;
  }
  const { step, args } = question;
  if (step !== "data") return void ask(id, step, args);
  contents.set(id, undefined);
  const [session, message] = args;
  void ask(id, step, [session, { ...message as object, content: contentOf(id) }]);
}

/** Has the console print in our own lines, one by one, and not more than somebody can read. */
function printInOurLines(): void {
  let second = 0;
  let count = 0;
  function print(...values: unknown[]): void {
    const time = Math.floor(now() / 1_000);
    if (time !== second) [second, count] = [time, 0];
    if (++count > MOST_PRINTED) return;
    const words = values.map((value) => typeof value === "string" ? value : inspect(value));
    say({ kind: "print", text: words.join(" ").slice(0, MAX_PRINTED) });
  }
  for (const name of ["log", "info", "debug", "warn", "error", "trace"] as const) {
    console[name] = print;
  }
}

/**
 * Takes away what would load a module or make code of a string, where importing asks for no permission (see
 * `standalone_source.ts`): new workers, `eval` and its kin, and Node's and Deno's own ways to these.
 */
function closeLoader(): void {
  function refuse(): never {
    throw new EvalError("Cannot make code of a string in hooks");
  }
  const samples = [() => {}, async () => {}, function* () {}, async function* () {}];
  for (const sample of samples) {
    Object.defineProperty(Object.getPrototypeOf(sample), "constructor", { value: refuse });
  }
  const all = globalThis as unknown as Record<string, unknown>;
  function timed(name: string): Timer {
    const timer = all[name] as Timer;
    return (callback, ...rest) =>
      typeof callback === "function" ? timer(callback, ...rest) : refuse();
  }
  const replaced = {
    eval: refuse,
    Function: refuse,
    setTimeout: timed("setTimeout"),
    setInterval: timed("setInterval"),
    ...{ Worker: undefined, process: undefined, Buffer: undefined, global: undefined },
    ...{ setImmediate: undefined, importScripts: undefined },
  };
  for (const [name, value] of Object.entries(replaced)) {
    Object.defineProperty(all, name, { value, writable: false, configurable: false });
  }
  const deno = Deno as unknown as Record<PropertyKey, unknown>;
  const internal = deno.internal as PropertyKey;
  delete deno[internal];
  delete deno.internal;
}

/** What cannot be used about the module, in one line. */
function reasonOf(error: unknown, url: string): string {
  const text = describe(error);
  // The place is in the message where the text cannot be parsed, else in the first line of the stack.
  const [, line, column] =
    text.slice(text.indexOf(url) + url.length).match(/^:([0-9]+):([0-9]+)/) ??
      [];
  const place = text.includes(url) && line !== undefined ? `line ${line}, column ${column}: ` : "";
  const [first] = text.split("\n");
  return place + first.replace(` at ${url}:${line}:${column}`, "");
}

async function load(url: string, giveUp: readonly string[]): Promise<void> {
  try {
    const module: Record<string, unknown> = await import(url);
    for (const path of giveUp) Deno.permissions.revokeSync({ name: "read", path });
    const names: readonly string[] = HOOK_STEPS;
    for (const name of Object.keys(module)) {
      const hook = module[name];
      if (!names.includes(name)) {
        const mend = `a module of hooks exports ${names.slice(0, -1).join(", ")} and data alone`;
        return say({ kind: "unusable", reason: `it exports ${name}, and ${mend}` });
      }
      if (typeof hook !== "function") {
        return say({ kind: "unusable", reason: `its export ${name} is no function` });
      }
      hooks.set(name as HookStep, hook as Hook);
    }
    if (hooks.size === 0) {
      return say({
        kind: "unusable",
        reason: "it exports no hook: name one of its functions rcpt",
      });
    }
    say({ kind: "ready", steps: [...hooks.keys()] });
  } catch (error) {
    say({ kind: "unusable", reason: reasonOf(error, url) });
  }
}

/** Takes what the server asks, until it has gone. */
async function listen(): Promise<void> {
  // A stream would make a buffer for each read, which costs more than all that is done with what comes.
  const buffer = new Uint8Array(READ_AT_ONCE);
  const input = new LineReader({
    async read() {
      const length = await read(buffer);
      return length === null ? undefined : buffer.subarray(0, length);
    },
    close() {},
  }, MAX_ASKED);
  for (let line = await input.line(); line !== undefined; line = await input.line()) {
    const [, id, length] = /^#([0-9]+) ([0-9]+)$/.exec(line) ?? [];
    if (id === undefined) {
      for (const question of parse(line) as Question[]) take(question);
      continue;
    }
    const slice = await input.octets(Number(length));
    if (slice === undefined) break;
    readerOf(Number(id))?.resolve(slice);
  }
  post("gone");
}

scope.addEventListener("message", ({ data: order }) => {
  mark = order.mark;
  printInOurLines();
  if (order.closeLoader) closeLoader();
  void load(order.url, order.giveUp);
  void listen();
}, { once: true });
post("up");
