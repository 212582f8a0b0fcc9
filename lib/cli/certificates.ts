/** The certificates of a running server, read again when they change. @module */
import { dirname } from "node:path";
import type { Config } from "../config.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import type { Log } from "../net/log.ts";
import type { TlsIdentity, TlsIdentityOptions } from "../net/tls_identity.ts";
import {
  certificatePairs,
  loadCertificates,
  type LoadedCertificates,
} from "./certificate_files.ts";
import { failureOf } from "./failure.ts";
import { reasonOf, stampOf } from "./text_file.ts";

/** Certificates that are kept up with. Disposing ends that; the identity stays as it was last. */
export interface Certificates extends AsyncDisposable {
  /** The certificates as they are now: each handshake takes what it finds. */
  readonly identity: TlsIdentity;
  /** Reads the files again, whether or not they have changed. What is wrong with them is logged. */
  reread(): Promise<void>;
}

/** How long files have to stay as they are before they are read, in milliseconds. */
const QUIET = 200;

/** How often files are looked at where nobody says that they changed, in milliseconds. */
const LOOK_AFTER = 60_000;

/** How often certificates are read whatever becomes of the files: some day they expire. In milliseconds. */
const READ_AFTER = 86_400_000;

/** The directories in which a change can show: of the files, and of what they are links to. */
function directoriesOf(paths: readonly string[]): string[] {
  const directories = paths.flatMap((path) => {
    try {
      return [dirname(path), dirname(Deno.realPathSync(path))];
    } catch {
      return [dirname(path)];
    }
  });
  return [...new Set(directories)];
}

/**
 * Calls `changed` at each change in directories. Files are not watched themselves: most programs put
 * another file in the place of an old one.
 */
function watch(directories: readonly string[], changed: () => void, log: Log): AsyncDisposable {
  let watcher: Deno.FsWatcher;
  try {
    watcher = Deno.watchFs([...directories], { recursive: false });
  } catch (error) {
    // The system has only so many watches. A look from time to time finds changes too.
    log("warn", "certificates-not-watched", { error: reasonOf(error) });
    return { [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  async function follow(): Promise<void> {
    try {
      for await (const { kind } of watcher) if (kind !== "access") changed();
    } catch (error) {
      log("warn", "certificates-not-watched", { error: reasonOf(error) });
    }
  }
  const followed = follow();
  return {
    [Symbol.asyncDispose]() {
      watcher.close();
      return followed;
    },
  };
}

/** Keeps up with files. */
class FollowedCertificates implements Certificates {
  readonly identity: TlsIdentity;
  readonly #load: () => Promise<LoadedCertificates | undefined>;
  readonly #paths: readonly string[];
  readonly #log: Log;
  readonly #clock: Clock;
  readonly #watcher: AsyncDisposable;
  #current: TlsIdentity;
  /** How the files looked when they were read last, for better or worse. */
  #read: string;
  #readAt: number;
  /** How they look while it is waited for them to stay so. */
  #seen: string | undefined;
  #quiet: Disposable | undefined;
  #look: Disposable | undefined;
  #rereading: Promise<void> = Promise.resolve();
  #isClosed = false;

  constructor(
    loaded: LoadedCertificates,
    stamp: string,
    options: {
      readonly paths: readonly string[];
      readonly load: () => Promise<LoadedCertificates | undefined>;
      readonly log: Log;
      readonly clock: Clock;
    },
  ) {
    this.#current = loaded.identity;
    this.#read = stamp;
    this.#readAt = options.clock.now();
    this.#paths = options.paths;
    this.#load = options.load;
    this.#log = options.log;
    this.#clock = options.clock;
    const current = () => this.#current;
    this.identity = {
      contextFor: (name) => current().contextFor(name),
      endPointFor: (name) => current().endPointFor(name),
      asksClient: loaded.identity.asksClient,
    };
    this.#watcher = watch(directoriesOf(this.#paths), () => this.#changed(), this.#log);
    this.#lookLater();
  }

  #lookLater(): void {
    this.#look = this.#clock.after(LOOK_AFTER, () => {
      this.#lookLater();
      // A clock that was set back must not keep us from reading.
      if (Math.abs(this.#clock.now() - this.#readAt) >= READ_AFTER) this.reread();
      else this.#changed();
    });
  }

  /** Something may have changed: waits until the files stay as they are for a while. */
  #changed(): void {
    if (this.#isClosed || this.#quiet !== undefined) return;
    this.#seen = stampsOf(this.#paths);
    // In a directory where much goes on, nearly all of it is about other files.
    if (this.#seen === this.#read) return;
    this.#quiet = this.#clock.after(QUIET, () => {
      this.#quiet = undefined;
      if (stampsOf(this.#paths) !== this.#seen) return this.#changed();
      this.reread();
    });
  }

  reread(): Promise<void> {
    return this.#rereading = this.#rereading.then(() => this.#reread());
  }

  async #reread(): Promise<void> {
    if (this.#isClosed) return;
    this.#read = stampsOf(this.#paths);
    this.#readAt = this.#clock.now();
    try {
      const loaded = await this.#load();
      if (loaded === undefined) return;
      this.#current = loaded.identity;
      this.#log("info", "certificates-read", { files: this.#paths.join(" ") });
      logWarnings(loaded, this.#log);
    } catch (error) {
      this.#log("error", "certificates-bad", { error: failureOf(error).message });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isClosed = true;
    this.#quiet?.[Symbol.dispose]();
    this.#look?.[Symbol.dispose]();
    await this.#watcher[Symbol.asyncDispose]();
    await this.#rereading;
  }
}

function stampsOf(paths: readonly string[]): string {
  return paths.map(stampOf).join("\n");
}

function logWarnings({ warnings }: LoadedCertificates, log: Log): void {
  for (const { wrong, mend } of warnings) {
    log("warn", "certificates-warning", { problem: `${wrong}: ${mend}` });
  }
}

/**
 * Opens the certificates that settings name; `undefined` where they name none. From then on they are read
 * again when a file changes, and once a day: one that is about to expire is warned of. Sessions that are
 * under way keep the certificate that they began with. What cannot be used is logged as
 * `certificates-bad`, and the certificates from before stay in force.
 *
 * @throws {Failure} with exit code 78 if they cannot be used, or the runtime cannot do TLS as a server
 */
export async function openCertificates(
  config: Config,
  log: Log,
  options: TlsIdentityOptions & { readonly clock?: Clock } = {},
): Promise<Certificates | undefined> {
  const { clock = systemClock } = options;
  const paths = certificatePairs(config).flatMap(({ certificate, key }) => [certificate, key]);
  const stamp = stampsOf(paths);
  const load = () => loadCertificates(config, options);
  const loaded = await load();
  if (loaded === undefined) return undefined;
  logWarnings(loaded, log);
  return new FollowedCertificates(loaded, stamp, { paths, load, log, clock });
}
