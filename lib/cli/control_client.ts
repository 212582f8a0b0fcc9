/** A command's side of the control socket. @module */
import { fromWire, type WireError } from "../queue/sqlite_protocol.ts";
import { StoreError } from "../queue/store_error.ts";
import { type Reply, SmtpError } from "../smtp/reply.ts";
import { withControlPath } from "./control_path.ts";
import {
  ControlReader,
  type ControlRequest,
  formatRequest,
  writeAll,
  writeLine,
} from "./control_wire.ts";
import type { Operator } from "./operator.ts";

/** Answers of a server are short. */
const MAX_ANSWER = 64 * 1024;

/**
 * Connects to the server that has a state directory open; `undefined` where none answers.
 */
export async function connectControl(directory: string): Promise<Operator | undefined> {
  let connection: Deno.Conn;
  try {
    connection = await withControlPath(
      directory,
      (path) => Deno.connect({ transport: "unix", path }),
    );
  } catch (error) {
    if (
      error instanceof Deno.errors.NotCapable || error instanceof Deno.errors.PermissionDenied
    ) throw error;
    // Nobody listens, or the directory is none; who opens the queue next finds out which.
    return undefined;
  }
  const reader = new ControlReader(connection);

  async function ask(request: ControlRequest, octets?: Uint8Array): Promise<number> {
    let line: string | undefined;
    try {
      await writeLine(connection, formatRequest(request));
      if (octets !== undefined) await writeAll(connection, octets);
    } catch (error) {
      // A request that was refused before its end has an answer all the same.
      if (!(error instanceof Deno.errors.BrokenPipe)) throw error;
    }
    try {
      line = await reader.line(MAX_ANSWER);
    } catch (error) {
      if (!(error instanceof Deno.errors.ConnectionReset)) throw error;
    }
    if (line === undefined) {
      throw new StoreError("closed", "Cannot use the queue: the server has gone away");
    }
    const answer: {
      readonly done?: number;
      readonly error?: WireError;
      readonly refused?: Reply;
    } = JSON.parse(line);
    if (answer.refused !== undefined) {
      const { code, enhanced, lines } = answer.refused;
      throw new SmtpError(code, enhanced, ...lines);
    }
    if (answer.error !== undefined) throw fromWire(answer.error);
    return answer.done ?? 0;
  }

  return {
    hasServer: true,
    act: (action, filter) => ask({ ask: "act", action, filter }),
    async forgive() {
      await ask({ ask: "forgive" });
    },
    async submit(submission, octets) {
      await ask({ ask: "submit", submission, size: octets.length }, octets);
    },
    // deno-lint-ignore require-await -- the type asks for a promise
    async [Symbol.asyncDispose]() {
      connection.close();
    },
  };
}
