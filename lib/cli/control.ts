/** The server's side of the control socket: commands reach the queue while the server has it open. @module */
import type { Log } from "../net/log.ts";
import { toWire } from "../queue/sqlite_protocol.ts";
import { SmtpError } from "../smtp/reply.ts";
import { controlPath, HAS_CONTROL, withControlPath } from "./control_path.ts";
import { ControlReader, type ControlRequest, parseRequest, writeLine } from "./control_wire.ts";
import { type OperatorOptions, storeOperator } from "./operator.ts";

/** What the control socket is for. */
export interface ControlOptions extends OperatorOptions {
  /** The state directory, whose lock this process has. */
  readonly directory: string;
  /** The largest message in octets. */
  readonly maxSize: number;
  /** The most recipients of one message. */
  readonly maxRecipients: number;
  readonly log: Log;
}

/** Connections at once. Each command has one; a message that comes in is held in memory. */
const MOST_CONNECTIONS = 32;

/** How long a command may be silent between two requests or within one, in milliseconds. */
const SILENCE = 30_000;

/** How long a request may still take when the server ends, in milliseconds. */
const LAST = 5_000;

/** Octets beside the message that come with it: the fields that `sendmail` adds. */
const ADDED = 8 * 1024;

/**
 * Listens on the control socket of a state directory until the answer is disposed of. A socket that a
 * killed server left is replaced: who has the lock of the directory knows that nobody else is there. On
 * Windows there are no such sockets, and this does nothing but say so.
 */
export async function startControl(options: ControlOptions): Promise<AsyncDisposable> {
  const { directory, log, clock } = options;
  if (!HAS_CONTROL) {
    log("info", "no-control", { reason: "the queue can be changed only while smtpd is stopped" });
    return { [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const path = controlPath(directory);
  removeSocket(path);
  const listener = await withControlPath(
    directory,
    (path) => Deno.listen({ transport: "unix", path }),
  );
  Deno.chmodSync(path, 0o600);
  const operator = storeOperator(options);
  const connections = new Map<Deno.Conn, Promise<void>>();
  /** Those that have no request under way. */
  const waiting = new Set<Deno.Conn>();
  let isOver = false;

  async function answer(request: ControlRequest, reader: ControlReader): Promise<number> {
    switch (request.ask) {
      case "act":
        return await operator.act(request.action, request.filter);
      case "forgive":
        await operator.forgive();
        return 0;
      case "submit":
        await operator.submit(request.submission, await reader.octets(request.size));
        log("info", "accepted", {
          client: "local",
          id: request.submission.id,
          size: request.size,
          recipients: request.submission.recipients.length,
        });
        return request.submission.recipients.length;
    }
  }

  /** Answers requests until the other end has no more, or sends what is none. */
  async function serve(connection: Deno.Conn): Promise<void> {
    const reader = new ControlReader({
      // A read that takes too long ends with the connection.
      async read(buffer) {
        using _timer = clock.after(SILENCE, () => close(connection));
        return await connection.read(buffer);
      },
      write: (octets) => connection.write(octets),
    });
    for (;;) {
      let said: object;
      let isBroken = false;
      try {
        waiting.add(connection);
        const line = await reader.line().finally(() => waiting.delete(connection));
        if (line === undefined) return;
        const request = parseRequest(line, options.maxRecipients);
        if (request.ask === "submit" && request.size > options.maxSize + ADDED) {
          throw new SyntaxError(`Cannot take the message: it is over ${options.maxSize} octets`);
        }
        said = { done: await answer(request, reader) };
      } catch (error) {
        if (isConnectionError(error)) return;
        // What follows a request that could not be read is none.
        isBroken = error instanceof SyntaxError;
        said = error instanceof SmtpError ? { refused: error.reply } : { error: toWire(error) };
        log("warn", "control-failed", {
          error: error instanceof Error ? error.message : String(error),
        });
      }
      using _timer = clock.after(SILENCE, () => close(connection));
      await writeLine(connection, JSON.stringify(said));
      if (isBroken || isOver) return;
    }
  }

  async function accept(): Promise<void> {
    for (;;) {
      let connection: Deno.Conn;
      try {
        connection = await listener.accept();
      } catch (error) {
        if (error instanceof Deno.errors.BadResource) return;
        log("warn", "accept-failed", { error: `${error}` });
        await new Promise<void>((resolve) => clock.after(100, resolve));
        continue;
      }
      if (connections.size >= MOST_CONNECTIONS) {
        close(connection);
        continue;
      }
      const served = serve(connection).catch(() => {}).finally(() => {
        close(connection);
        connections.delete(connection);
      });
      connections.set(connection, served);
    }
  }

  const accepting = accept();
  return {
    async [Symbol.asyncDispose]() {
      listener.close();
      // Closing removes the file by the path that was bound, which may have been a link for a while.
      removeSocket(path);
      await accepting;
      isOver = true;
      // What is under way is done first, so that nobody is told that a message was not taken which was.
      for (const connection of waiting) close(connection);
      using _timer = clock.after(LAST, () => {
        for (const connection of connections.keys()) close(connection);
      });
      await Promise.all(connections.values());
    },
  };
}

function removeSocket(path: string): void {
  try {
    Deno.removeSync(path);
  } catch (error) {
    if (!(error instanceof Deno.errors.NotFound)) throw error;
  }
}

function close(connection: Deno.Conn): void {
  try {
    connection.close();
  } catch {
    // It was closed before.
  }
}

function isConnectionError(error: unknown): boolean {
  return error instanceof Deno.errors.BadResource || error instanceof Deno.errors.Interrupted ||
    error instanceof Deno.errors.ConnectionReset || error instanceof Deno.errors.BrokenPipe;
}
