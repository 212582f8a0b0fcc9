/** The aliases file and what it includes, read again when they change. @module */
import type { Config } from "../config.ts";
import { shown } from "../config/sources.ts";
import { type Clock, systemClock } from "../net/clock.ts";
import type { Log } from "../net/log.ts";
import { expandAlias } from "../policy/aliases.ts";
import {
  type Aliases,
  type AliasTarget,
  includedPaths,
  parseAliases,
  parseIncluded,
} from "../policy/aliases_file.ts";
import { isLocal } from "../policy/relaying.ts";
import type { Expansion } from "../queue/recipients.ts";
import { rulesOf } from "./compose.ts";
import { EXIT, Failure } from "./failure.ts";
import { readText, reasonOf, stampOf } from "./text_file.ts";

/** The aliases of a file, as it is now. */
export interface AliasesFile extends Expansion {
  /**
   * Reads the files, if they have not been read yet. The first expansion does so as well.
   *
   * @throws {Failure} with exit code 78 if one of them cannot be read or is bad
   */
  load(): void;
}

/** The largest file in octets. */
const MAX_FILE = 1024 * 1024;

/** The most files that are included. */
const MOST_FILES = 100;

/** How long files are taken to be as they were, in milliseconds. */
const LOOK_AFTER = 1_000;

/** What was read. */
interface Loaded {
  readonly aliases: Aliases;
  readonly included: ReadonlyMap<string, readonly AliasTarget[]>;
}

/** How files looked when they were read, by their paths. */
type Stamps = Map<string, string>;

/** Reads one file; `stamps` learns how it looked just before. */
function readFile<T>(path: string, stamps: Stamps, parse: (text: string, file: string) => T): T {
  stamps.set(path, stampOf(path));
  let text: string;
  try {
    text = readText(path, MAX_FILE);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    const wrong = `cannot read aliases ${shown(path)} (${shown(reasonOf(error))})`;
    throw new Failure(EXIT.configuration, wrong, "mend it, or take its name out", error);
  }
  try {
    return parse(text, path);
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new Failure(EXIT.configuration, shown(error.message, 500), "mend that line", error);
  }
}

function readAll(path: string, stamps: Stamps): Loaded {
  const aliases = readFile(path, stamps, parseAliases);
  const paths = includedPaths(aliases);
  if (paths.length > MOST_FILES) {
    const wrong = `aliases ${shown(path)} include ${paths.length} files`;
    throw new Failure(EXIT.configuration, wrong, `include ${MOST_FILES} at most`);
  }
  const included = new Map(
    paths.map((path) => [path, readFile(path, stamps, parseIncluded)] as const),
  );
  return { aliases, included };
}

/**
 * Makes the expansion of the aliases that settings name; `undefined` where they name none.
 *
 * The files are looked at when a recipient is asked for, at most once a second. What cannot be used is
 * logged as `aliases-bad` once, and those read before stay in force.
 */
export function aliasesOf(
  config: Config,
  log: Log,
  clock: Pick<Clock, "now"> = systemClock,
): AliasesFile | undefined {
  const { aliases: path, localDomain: [mainDomain = ""] } = config;
  if (path === undefined) return undefined;
  const rules = rulesOf(config);
  let stamps: Stamps = new Map();
  let looked = 0;
  let loaded: Loaded | undefined;

  function first(): Loaded {
    stamps = new Map();
    loaded = readAll(path!, stamps);
    looked = clock.now();
    return loaded;
  }

  function current(): Loaded {
    if (loaded === undefined) return first();
    const now = clock.now();
    // A clock that was set back must not keep us from looking.
    if (Math.abs(now - looked) < LOOK_AFTER) return loaded;
    looked = now;
    if (Array.from(stamps).every(([path, stamp]) => stampOf(path) === stamp)) return loaded;
    stamps = new Map();
    try {
      loaded = readAll(path!, stamps);
      log("info", "aliases-read", { path: path!, names: loaded.aliases.size });
    } catch (error) {
      log("error", "aliases-bad", { error: error instanceof Error ? error.message : `${error}` });
    }
    return loaded;
  }

  const options = {
    isLocal: (mailbox: Parameters<Expansion["isLocal"]>[0]) => isLocal(rules, mailbox),
    mainDomain,
  };
  return {
    isLocal: options.isLocal,
    load() {
      if (loaded === undefined) first();
    },
    expand(mailbox) {
      const { aliases, included } = current();
      const include = (path: string) => included.get(path) ?? [];
      return expandAlias(aliases, mailbox, { ...options, include });
    },
  };
}
