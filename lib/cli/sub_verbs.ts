/** Commands that are a family, such as `smtpd queue list` and `smtpd queue show`. @module */
import { nearest } from "../config/names.ts";
import { ConfigError, shown } from "../config/sources.ts";
import { EXIT, type ExitCode, Failure } from "./failure.ts";
import type { Flag } from "./flags.ts";
import type { Call, SubVerb } from "./verb.ts";

/** Commands of a family, by name and in the order of the help. */
export type SubVerbs = ReadonlyMap<string, SubVerb>;

/** What any of a family takes, each flag once. */
export function flagsOf(verbs: SubVerbs): readonly Flag[] {
  const flags = [...verbs.values()].flatMap(({ flags }) => flags ?? []);
  return [...new Map(flags.map((flag) => [flag.name, flag])).values()];
}

/** The names of those of a family that are told of. */
export function toldOf(verbs: SubVerbs): string[] {
  return [...verbs].filter(([, { isHidden }]) => !isHidden).map(([name]) => name);
}

function verbCalled(family: string, verbs: SubVerbs, name: string | undefined): SubVerb {
  const names = toldOf(verbs);
  if (name === undefined) {
    const mend = `write smtpd ${family} ${names.join("|")}`;
    throw new Failure(EXIT.usage, "an argument is missing", mend);
  }
  const verb = verbs.get(name);
  if (verb !== undefined) return verb;
  const meant = nearest(name, names);
  const mend = meant === undefined ? `give ${names.join(", ")}` : `did you mean ${meant}?`;
  throw new Failure(EXIT.usage, `unknown command ${family} ${shown(name)}`, mend);
}

/**
 * Runs the one of a family that the first operand names; it gets those behind.
 *
 * @throws {Failure} if there is no such command
 * @throws {ConfigError} for a flag that only others of the family take
 */
export async function runSubVerb(family: string, verbs: SubVerbs, call: Call): Promise<ExitCode> {
  const [name, ...operands] = call.operands;
  const verb = verbCalled(family, verbs, name);
  const own = verb.flags ?? [];
  for (const { name: flag } of flagsOf(verbs)) {
    if (!call.flags.has(flag) || own.some(({ name }) => name === flag)) continue;
    throw new ConfigError("flag", `smtpd ${family} ${name} takes no --${flag}`, "leave it out");
  }
  return await verb.run({ ...call, operands });
}
