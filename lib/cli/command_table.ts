/**
 * The command line as one table: help, man page, README and completions are made from it, and so name
 * the same.
 *
 * @module
 */
import { COMMON_FLAGS, type ListedFlag, listedFlag, SETTING_FLAGS } from "./flags.ts";
import { type SubVerbs, toldOf } from "./sub_verbs.ts";
import type { Example, Operands, Verb } from "./verb.ts";

/** Every command by name, in the order of the help. */
export type Verbs = ReadonlyMap<string, Verb>;

/** The command that is meant where none is named. */
export const DEFAULT_COMMAND = "serve";

/** A command as it is told of. */
export interface ListedCommand {
  /** Its names: `queue` and `list` for `smtpd queue list`. */
  readonly words: readonly string[];
  /** How it is called, without `smtpd `. */
  readonly usage: string;
  /** What it does, in one line. */
  readonly summary: string;
  /** The flags that only it takes; those of a family are what any of it takes. */
  readonly flags: readonly ListedFlag[];
  /** Whether it takes the flags of the settings. */
  readonly takesSettings: boolean;
  /** What may stand behind it. */
  readonly operands?: Operands;
  /** The commands of the family that it is, the hidden ones left out. */
  readonly family: readonly ListedCommand[];
  /** Command lines to learn from. */
  readonly examples: readonly Example[];
  /** What is to be said beside all that. */
  readonly details: string;
}

/** The flags of the settings as they are told of. */
export const LISTED_SETTINGS: readonly ListedFlag[] = SETTING_FLAGS.map(listedFlag);

/** The flags of every command as they are told of. */
export const LISTED_COMMON: readonly ListedFlag[] = COMMON_FLAGS.map(listedFlag);

function listedFamily(name: string, verbs: SubVerbs): ListedCommand[] {
  return toldOf(verbs).map((word) => {
    const { usage, summary, flags = [], operands } = verbs.get(word)!;
    return {
      words: [name, word],
      usage: `${name} ${usage}`,
      summary,
      flags: flags.map(listedFlag),
      takesSettings: true,
      operands,
      family: [],
      examples: [],
      details: "",
    };
  });
}

/** The flags of a family. Where only one of it takes a flag, its meaning says which. */
function familyFlags(family: readonly ListedCommand[]): ListedFlag[] {
  const takers = new Map<string, [ListedFlag, ...string[]]>();
  for (const { words, flags } of family) {
    for (const flag of flags) {
      const key = flag.written.join();
      const found = takers.get(key);
      if (found === undefined) takers.set(key, [flag, words[1]]);
      else found.push(words[1]);
    }
  }
  return [...takers.values()].map(([flag, first, ...others]) =>
    others.length > 0 ? flag : { ...flag, meaning: `${first}: ${flag.meaning}` }
  );
}

/** How a command is told of. */
export function listedCommand(name: string, verb: Verb): ListedCommand {
  const { usage, summary, takesSettings, operands, examples = [] } = verb;
  const family = listedFamily(name, verb.family ?? new Map());
  const own = [...(verb.flags ?? []).map(listedFlag), ...verb.ownFlags ?? []];
  const flags = family.length > 0 ? familyFlags(family) : own;
  const details = verb.details();
  return {
    words: [name],
    usage,
    summary,
    flags,
    takesSettings,
    operands,
    family,
    examples,
    details,
  };
}

/** How all commands are told of, in the order of the help. */
export function listedCommands(verbs: Verbs): ListedCommand[] {
  return [...verbs].map(([name, verb]) => listedCommand(name, verb));
}

/**
 * Every place of the command line in which completions differ: before a command is named, where the
 * default one is meant and any may be; in each command; and in each of its family.
 */
export function placesOf(commands: readonly ListedCommand[]): ListedCommand[] {
  const meant = commands.find(({ words }) => words[0] === DEFAULT_COMMAND)!;
  const start = { ...meant, words: [], family: commands };
  return [start, ...commands.flatMap((command) => [command, ...command.family])];
}

/** The name of a command among its family. */
export function lastWord({ words }: ListedCommand): string {
  return words[words.length - 1];
}
