/** What the completions of bash are told of commands, flags and values. @module */
import type { Suggestion } from "../config/values.ts";
import {
  lastWord,
  LISTED_COMMON,
  LISTED_SETTINGS,
  type ListedCommand,
  placesOf,
} from "./command_table.ts";
import type { ListedFlag } from "./flags.ts";
import { shellWord } from "./shell_word.ts";

function array(name: string, words: readonly string[]): string {
  return `${name}=(${words.map(shellWord).join(" ")})`;
}

function namesOf(flags: readonly ListedFlag[]): string[] {
  return flags.flatMap(({ written }) => written);
}

function placeName({ words }: ListedCommand): string {
  return words.length === 0 ? "''" : shellWord(words.join(" "));
}

/** One branch of a case. */
function branch(patterns: readonly string[], command: string): string {
  return `    ${patterns.join(" | ")}) ${command} ;;`;
}

function offers(suggests: Suggestion | undefined): string {
  switch (suggests?.kind) {
    case undefined:
      return array("offers", []);
    case "words":
      return array("offers", ["words", ...suggests.words]);
    case "queue id":
      return array("offers", ["id"]);
    default:
      return array("offers", [suggests!.kind]);
  }
}

function operandsFunction(places: readonly ListedCommand[]): string {
  const branches = places.flatMap((place) => {
    const { family, operands } = place;
    const offer = family.length > 0
      ? array("offers", ["commands", ...family.map(lastWord)])
      : offers(operands?.suggests);
    if (operands?.repeatable) return [branch([placeName(place)], offer)];
    // Nothing that may be there once is offered again.
    const isOffered = family.length > 0 || operands !== undefined;
    return isOffered ? [branch([placeName(place)], `((operands > 0)) || ${offer}`)] : [];
  });
  return [
    "# Sets `offers` to what may stand behind a command: what kind of thing, and words if they are such.",
    "_smtpd_operands() {",
    "  offers=()",
    "  case $1 in",
    ...branches,
    "  esac",
    "}",
  ].join("\n");
}

function flagsFunction(places: readonly ListedCommand[]): string {
  const groups = new Map<string, string[]>();
  for (const place of places) {
    const { flags, takesSettings } = place;
    const words = namesOf(flags).map(shellWord);
    if (takesSettings) words.push('"${settings[@]}"');
    const key = `flags=(${[...words, '"${common[@]}"'].join(" ")})`;
    groups.set(key, [...groups.get(key) ?? [], placeName(place)]);
  }
  return [
    "# Sets `flags` to those that a command takes.",
    "_smtpd_flags() {",
    `  local -a ${array("settings", namesOf(LISTED_SETTINGS))}`,
    `  local -a ${array("common", namesOf(LISTED_COMMON))}`,
    "  case $1 in",
    ...[...groups].map(([command, patterns]) => branch(patterns, command)),
    "  esac",
    "}",
  ].join("\n");
}

function valuePatterns(place: string, { written }: ListedFlag): string[] {
  return written.map((name) => `${place},${name}`);
}

function valueFunction(places: readonly ListedCommand[]): string {
  const own = places.flatMap((place) =>
    place.flags.filter(({ placeholder }) => placeholder !== undefined)
      .map((flag) => branch(valuePatterns(placeName(place), flag), offers(flag.suggests)))
  );
  const settings = LISTED_SETTINGS.filter(({ placeholder }) => placeholder !== undefined)
    .map((flag) => branch(valuePatterns("*", flag), offers(flag.suggests)));
  return [
    "# Sets `offers` to what the value of a flag may be. Fails for a flag that has none.",
    "_smtpd_value() {",
    "  case $1,$2 in",
    ...own,
    ...settings,
    branch(["*"], "return 1"),
    "  esac",
    "}",
  ].join("\n");
}

/** The functions that the script of bash asks. */
export function bashTable(commands: readonly ListedCommand[]): string {
  const places = placesOf(commands);
  return [operandsFunction(places), flagsFunction(places), valueFunction(places)].join("\n\n");
}
