/** What a service manager such as systemd has passed on to this process, and is told of it. @module */
import { ConfigError, shown } from "../config/sources.ts";
import type { Log } from "../net/log.ts";
import { parseWholeNumber } from "../policy/quantity.ts";

/** Where the descriptors begin that are passed on: behind those of the standard streams. */
const FIRST_DESCRIPTOR = 3;

/** More than any unit passes on. */
const MOST_DESCRIPTORS = 64;

/** How much longer than a drain an end may take, in milliseconds. */
const GRACE = 10_000;

/** Tells a service manager how the server is. Nothing is told where none listens. */
export interface ServiceManager extends Disposable {
  /** Descriptors of sockets that listen already. */
  readonly descriptors: readonly number[];
  /** Mail is taken from now on. */
  ready(): void;
  /** Does `work`, as a server that is ready and rereads its files. */
  reload(work: () => Promise<void>): Promise<void>;
  /** The server ends, within so many milliseconds. */
  stopping(timeout: number): void;
}

/**
 * Reads which sockets were passed on, as sd_listen_fds(3) does.
 *
 * @param pid this process: what was meant for another one, which has started this one, is not for us
 * @throws {ConfigError} if the number of them is none
 */
export function inheritedDescriptors(
  environment: ReadonlyMap<string, string>,
  pid: number = Deno.pid,
): number[] {
  const count = environment.get("LISTEN_FDS");
  if (count === undefined || environment.get("LISTEN_PID") !== String(pid)) return [];
  const length = parseWholeNumber(count);
  if (length === undefined || length > MOST_DESCRIPTORS) {
    throw new ConfigError(
      "environment",
      `cannot use LISTEN_FDS ${shown(count)}`,
      `give the number of sockets that are passed on, ${MOST_DESCRIPTORS} at most`,
    );
  }
  return Array.from({ length }, (_, index) => FIRST_DESCRIPTOR + index);
}

/** A datagram socket of which no file is left: one that sends alone needs none to be found by. */
function namelessSocket(): Deno.DatagramConn {
  const directory = Deno.makeTempDirSync({ prefix: "smtpd-" });
  try {
    return Deno.listenDatagram({ transport: "unixpacket", path: `${directory}/notify` });
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
}

/** Sends what is told, as sd_notify(3) does: one datagram each, in order. */
class Notices implements Disposable {
  readonly #path: string;
  readonly #socket: Deno.DatagramConn;
  readonly #log: Log;
  #sent: Promise<unknown> = Promise.resolve();
  #isClosed = false;

  constructor(path: string, log: Log) {
    // In the abstract namespace a name begins with NUL, which is written as @.
    this.#path = path.replace(/^@/, "\0");
    this.#socket = namelessSocket();
    this.#log = log;
  }

  send(...assignments: readonly string[]): void {
    const octets = new TextEncoder().encode(assignments.join("\n"));
    this.#sent = this.#sent
      .then(() => this.#socket.send(octets, { transport: "unixpacket", path: this.#path }))
      .catch((error) => {
        if (!this.#isClosed) this.#log("warn", "notify-failed", { error: `${error}` });
      });
  }

  /** What could not be sent by now never is: nobody waits for a manager that does not listen. */
  [Symbol.dispose](): void {
    this.#isClosed = true;
    this.#socket.close();
  }
}

function noticesTo(path: string | undefined, log: Log): Notices | undefined {
  if (path === undefined || path === "") return undefined;
  try {
    return new Notices(path, log);
  } catch (error) {
    // Mail is served all the same, by a manager that does not wait for word.
    log("warn", "notify-failed", { error: `${error}` });
    return undefined;
  }
}

/**
 * Finds the service manager by the environment.
 *
 * @throws {ConfigError} if what it has passed on cannot be used
 */
export function serviceManager(
  environment: ReadonlyMap<string, string>,
  log: Log,
): ServiceManager {
  const descriptors = inheritedDescriptors(environment);
  const notices = noticesTo(environment.get("NOTIFY_SOCKET"), log);
  let state: "starting" | "ready" | "stopping" = "starting";
  function ready(): void {
    if (state === "stopping") return;
    state = "ready";
    notices?.send("READY=1", "STATUS=Taking mail");
  }
  return {
    descriptors,
    ready,
    async reload(work) {
      if (state !== "ready") return await work();
      notices?.send("RELOADING=1", "STATUS=Rereading certificates, accounts and hooks");
      await work();
      ready();
    },
    stopping(timeout) {
      state = "stopping";
      // So that a manager with a shorter patience does not kill what is about to end.
      const patience = `EXTEND_TIMEOUT_USEC=${(timeout + GRACE) * 1000}`;
      notices?.send("STOPPING=1", patience, "STATUS=Letting open mail transactions end");
    },
    [Symbol.dispose]: () => notices?.[Symbol.dispose](),
  };
}
