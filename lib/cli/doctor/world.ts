/** The machine and the network, as far as they are looked at. @module */
import { statfsSync } from "node:fs";
import { request } from "node:http";
import type { Config } from "../../config.ts";
import { type Clock, systemClock } from "../../net/clock.ts";
import { listenTcp } from "../../net/listener.ts";
import type { Endpoint } from "../../policy/session.ts";
import { type Dns, systemDns } from "../../relay/dns.ts";
import { connectControl } from "../control_client.ts";
import { HAS_CONTROL } from "../control_path.ts";
import { greetingOf } from "../greeting.ts";
import { queueFailure } from "../open_queue.ts";
import { interfaceAddresses } from "../ourselves.ts";

/** What a file system has left, and of what kind it is. */
export interface FileSystem {
  /** Its number by statfs(2) of Linux; other systems have others. */
  readonly kind: number;
  /** Octets that an ordinary user may still write. */
  readonly free: number;
  /** Files that there can be, 0 where there is no limit, and how many more. */
  readonly files: number;
  readonly freeFiles: number;
}

/** Where a server would run. A test passes its own. */
export interface World {
  readonly dns: Dns;
  readonly clock: Clock;
  /** The version of the Deno that this runs on. */
  readonly denoVersion: string;
  /** The system this runs on, as `Deno.build.os` has it. */
  readonly os: typeof Deno.build.os;
  /** The addresses of this machine. */
  addresses(): readonly string[];
  /** Binds a port, and lets it go. Throws what `Deno.listen` throws. */
  bind(hosts: readonly string[], port: number): void;
  /** Reads a greeting, as {@linkcode greetingOf} does. */
  greeting(server: Endpoint, signal: AbortSignal, header?: string): Promise<string | undefined>;
  /** Connects, and no more. Throws what `Deno.connect` throws. */
  connect(server: Endpoint, signal: AbortSignal): Promise<void>;
  /** Whether a server works on a state directory. */
  hasServer(directory: string): Promise<boolean>;
  /** How many more files can be open at once, counted up to `most`. */
  openable(most: number): number;
  /** What `statfs` says of a directory. */
  fileSystem(directory: string): FileSystem;
  /** How long it takes to put a small file on stable storage, in milliseconds. */
  sync(directory: string): number;
  /** The time that a web server tells, in milliseconds since the epoch; it tells whole seconds. */
  webTime(server: Endpoint, host: string, signal: AbortSignal): Promise<number>;
}

/** How long one question to a name server may take, in milliseconds. */
const DNS_TIMEOUT = 2_000;

/** How often a file is synced: the one in the middle is what it takes. */
const SYNCS = 5;

/** Octets that are written each time; a small message has as many. */
const SYNCED = 4096;

function bind(hosts: readonly string[], port: number): void {
  for (const listener of listenTcp(hosts, port)) listener.close();
}

async function hasServer(directory: string): Promise<boolean> {
  if (!HAS_CONTROL) return false;
  try {
    await using server = await connectControl(directory);
    return server !== undefined;
  } catch (error) {
    throw queueFailure(error);
  }
}

/** Opens files until there are enough or no more can be: the limit itself cannot be read by everybody. */
function openable(most: number): number {
  const files: Deno.FsFile[] = [];
  try {
    while (files.length < most) files.push(Deno.openSync("/dev/null"));
  } catch (error) {
    // EMFILE says that this process has too many, ENFILE that the machine has.
    const { code } = error as { code?: unknown };
    if (code !== "EMFILE" && code !== "ENFILE") throw error;
  } finally {
    for (const file of files) file.close();
  }
  return files.length;
}

function fileSystem(directory: string): FileSystem {
  const { type, bavail, bsize, files, ffree } = statfsSync(directory);
  return { kind: type, free: bavail * bsize, files, freeFiles: ffree };
}

function sync(directory: string): number {
  const path = Deno.makeTempFileSync({ dir: directory, prefix: ".smtpd-check-" });
  try {
    using file = Deno.openSync(path, { write: true });
    const times: number[] = [];
    while (times.length < SYNCS) {
      const begun = performance.now();
      file.writeSync(new Uint8Array(SYNCED));
      file.syncSync();
      times.push(performance.now() - begun);
    }
    return times.sort((a, b) => a - b)[SYNCS >> 1];
  } finally {
    Deno.removeSync(path);
  }
}

/**
 * Asks by plain HTTP: a clock that is far off is a reason for a certificate to be refused. It is not
 * `fetch`, which asks the system's name server and goes through the proxy that the environment names.
 */
export function webTime(
  { address, port }: Endpoint,
  host: string,
  signal: AbortSignal,
): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<number>();
  const asked = request(
    { host: address, port, method: "HEAD", path: "/", headers: { host }, agent: false, signal },
    (answer) => {
      answer.resume();
      const time = Date.parse(answer.headers.date ?? "");
      if (Number.isNaN(time)) reject(new Error("Cannot read the time: there is no Date field"));
      else resolve(time);
    },
  );
  asked.on("error", reject);
  asked.end();
  return promise;
}

/** This machine, and the network as settings say that it is asked. */
export function realWorld({ dns: nameServer }: Config): World {
  return {
    dns: systemDns({ nameServer, timeout: DNS_TIMEOUT }),
    clock: systemClock,
    denoVersion: Deno.version.deno,
    os: Deno.build.os,
    addresses: interfaceAddresses,
    bind,
    greeting: greetingOf,
    async connect({ address, port }, signal) {
      (await Deno.connect({ hostname: address, port, signal })).close();
    },
    hasServer,
    openable,
    fileSystem,
    sync,
    webTime,
  };
}
