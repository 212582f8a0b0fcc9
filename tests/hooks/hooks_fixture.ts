/** Hooks in a file, as a test writes them. @module */
import { HooksFile, type HooksFileOptions } from "../../lib/hooks/hooks_file.ts";
import type { LogFields } from "../../lib/net/log.ts";
import type { IncomingMessage, MaybePromise } from "../../lib/policy/hooks.ts";
import type { Session } from "../../lib/policy/session.ts";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { type Reply, replyText, SmtpError } from "../../lib/smtp/reply.ts";

export const SESSION: Session = {
  id: "s1",
  remote: { address: "192.0.2.1", port: 1000 },
  local: { address: "192.0.2.25", port: 25 },
  protocol: "ESMTP",
  heloName: "client.test",
  tls: undefined,
  account: undefined,
};

export const MAIL: MailParameters = {
  reversePath: { localPart: "a", domain: "client.test" },
  smtpUtf8: false,
};

/**
 * The beginning of a module that finds out what the lines of its worker begin with, once one was written:
 * `line` and `post` write such ones behind the worker's back.
 */
export const FORGERY = `
  let mark;
  const { subarray } = Uint8Array.prototype;
  Uint8Array.prototype.subarray = function (...range) {
    const [begin] = new TextDecoder().decode(this).trim().split(" ");
    if (/^[0-9a-f-]{36}$/.test(begin)) mark = begin;
    return subarray.apply(this, range);
  };
  const write = (text) => Deno.stdout.writeSync(new TextEncoder().encode(text));
  const line = (text) => write("\\n" + mark + " " + text + "\\n");
  const post = (...sayings) => line(JSON.stringify(sayings));`;

/** One line of the log. */
export interface Logged extends LogFields {
  readonly event: string;
}

/** A module of hooks, and what is known of it. */
export interface Written extends AsyncDisposable {
  readonly file: HooksFile;
  /** Writes another module in the place of this one. */
  write(source: string): Promise<void>;
  /** What was logged. */
  readonly logged: readonly Logged[];
  /** Waits for the next event of that name. */
  next(event: string): Promise<Logged>;
  /** Asks `rcpt` about a recipient; answers `ok`, `permit`, or the reply on one line. */
  rcpt(localPart: string): Promise<string>;
  /** Asks `data` about a message. */
  data(content: AsyncIterable<Uint8Array>, header?: IncomingMessage["header"]): Promise<string>;
}

/** What a verdict is in a word, or as JSON where it changes something. */
export async function said(verdict: MaybePromise<unknown>): Promise<string> {
  try {
    const given = await verdict;
    if (typeof given !== "object" || given === null) return "ok";
    if ("lines" in given) return replyText(given as Reply);
    return Object.keys(given).length === 0 ? "ok" : JSON.stringify(given);
  } catch (error) {
    if (error instanceof SmtpError) return replyText(error.reply);
    throw error;
  }
}

/** Starts hooks from the source of their module. */
export async function openHooks(
  source: string,
  { name = "hooks.js", ...options }: Omit<HooksFileOptions, "file"> & { readonly name?: string } =
    {},
): Promise<Written> {
  const directory = Deno.makeTempDirSync({ prefix: "smtpd-hooks-" });
  const path = `${directory}/${name}`;
  const logged: Logged[] = [];
  const waiting: { readonly event: string; readonly tell: (logged: Logged) => void }[] = [];
  // At once, so that the process has been started when this returns.
  Deno.writeTextFileSync(path, source);
  try {
    const file = await HooksFile.open({
      ...{ file: path, timeout: 60_000 },
      log(_level, event, fields) {
        const line = { ...fields, event };
        logged.push(line);
        const at = waiting.findIndex((each) => each.event === event);
        if (at >= 0) waiting.splice(at, 1)[0].tell(line);
      },
      ...options,
    });
    const { hooks } = file;
    return {
      ...{ file, logged, write: (text) => Deno.writeTextFile(path, text) },
      next: (event) => new Promise((tell) => waiting.push({ event, tell })),
      rcpt: (localPart) =>
        said(hooks.rcpt!(SESSION, { forwardPath: { localPart, domain: "local.test" } }, MAIL)),
      data: (content, header = []) => {
        const envelope = { ...MAIL, forwardPaths: [] };
        return said(hooks.data!(SESSION, { envelope, header, content }));
      },
      async [Symbol.asyncDispose]() {
        await file[Symbol.asyncDispose]();
        await Deno.remove(directory, { recursive: true });
      },
    };
  } catch (error) {
    await Deno.remove(directory, { recursive: true });
    throw error;
  }
}
