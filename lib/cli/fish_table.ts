/** What the completions of fish are told of commands, flags and values. @module */
import type { Suggestion } from "../config/values.ts";
import {
  lastWord,
  LISTED_COMMON,
  LISTED_SETTINGS,
  type ListedCommand,
  placesOf,
} from "./command_table.ts";
import type { ListedFlag } from "./flags.ts";

/** Makes one word of a text, in which the shell finds nothing but text. */
function quoted(text: string): string {
  return /^[\w./-]+$/.test(text) ? text : `'${text.replace(/[\\']/g, "\\$&")}'`;
}

function placeName({ words }: ListedCommand): string {
  return ["smtpd", ...words].join(" ");
}

/** The options of `complete` for what a value or an operand is; no file unless it is one. */
function values(suggests: Suggestion): string {
  switch (suggests.kind) {
    case "words":
      return `-a ${quoted(suggests.words.join(" "))}`;
    case "file":
      return "-F";
    case "directory":
      return "-a '(__fish_complete_directories)'";
    case "queue id":
      return "-a '(__smtpd_ids)'";
  }
}

function nameOption(name: string): string {
  if (name.startsWith("--")) return `-l ${name.slice(2)}`;
  return name.length === 2 ? `-s ${name.slice(1)}` : `-o ${name.slice(1)}`;
}

/** The options of `complete` for a flag. */
function flagOptions({ written, placeholder, meaning, suggests }: ListedFlag): string {
  const isFile = suggests?.kind === "file";
  return [
    ...written.map(nameOption),
    // Without `-f` fish offers files beside the values.
    ...placeholder === undefined ? [] : isFile ? ["-r"] : ["-r", "-f"],
    ...placeholder === undefined || suggests === undefined ? [] : [values(suggests)],
    `-d ${quoted(meaning)}`,
  ].join(" ");
}

function valuedNames(flags: readonly ListedFlag[]): string[] {
  return flags.filter(({ placeholder }) => placeholder !== undefined)
    .flatMap(({ written }) => written);
}

/** Puts together the places for which a text is the same, in the order in which the texts come. */
function grouped(
  places: readonly ListedCommand[],
  textsOf: (place: ListedCommand) => readonly string[],
): (readonly [text: string, places: readonly ListedCommand[]])[] {
  const groups = new Map<string, ListedCommand[]>();
  for (const place of places) {
    for (const text of textsOf(place)) groups.set(text, [...groups.get(text) ?? [], place]);
  }
  return [...groups];
}

function condition(
  name: "__smtpd_in" | "__smtpd_behind",
  places: readonly ListedCommand[],
): string {
  return quoted([name, ...places.map(placeName).map(quoted)].join(" "));
}

/** What may stand behind a command, and in which places. */
function behindLines(places: readonly ListedCommand[]): string[] {
  const commands = places.flatMap((place) =>
    place.family.map((command) =>
      `complete -c smtpd -n ${condition("__smtpd_behind", [place])} ` +
      `-a ${lastWord(command)} -d ${quoted(command.summary)}`
    )
  );
  const operands = [true, false].flatMap((isMany) =>
    grouped(
      places,
      ({ operands }) => operands?.repeatable === isMany ? [values(operands.suggests)] : [],
    ).map(([options, places]) =>
      `complete -c smtpd -n ${
        condition(isMany ? "__smtpd_in" : "__smtpd_behind", places)
      } ${options}`
    )
  );
  return [...commands, ...operands];
}

/** The flags that are not of the settings, each once for all commands that have it. */
function ownFlagLines(places: readonly ListedCommand[]): string[] {
  return grouped(places, ({ flags }) => flags.map(flagOptions)).map(([options, places]) =>
    `complete -c smtpd -n ${condition("__smtpd_in", places)} ${options}`
  );
}

function functions(places: readonly ListedCommand[]): string[] {
  const named = places.filter(({ words }) => words.length > 0).map(placeName).map(quoted);
  const settings = places.filter(({ takesSettings }) => takesSettings);
  const own = grouped(places, ({ flags }) => {
    const names = valuedNames(flags);
    return names.length === 0 ? [] : [names.join(" ")];
  });
  return [
    "# Whether these words are a command, written with single spaces.",
    "function __smtpd_is_command",
    `    contains -- "$argv" ${named.join(" ")}`,
    "end",
    "",
    "# Whether a flag takes a value: all that do by the settings, and those of one command.",
    "function __smtpd_has_value -a command flag",
    `    contains -- $flag ${valuedNames(LISTED_SETTINGS).join(" ")}; and return`,
    "    switch $command",
    ...own.flatMap(([names, places]) => [
      `        case ${places.map(placeName).map(quoted).join(" ")}`,
      `            contains -- $flag ${names}; and return`,
    ]),
    "    end",
    "    return 1",
    "end",
    "",
    "# Whether the cursor is in a command that takes the flags of the settings.",
    "function __smtpd_takes_settings",
    `    __smtpd_in ${settings.map(placeName).map(quoted).join(" ")}`,
    "end",
    "",
  ];
}

/** The functions that the script of fish asks, and what it completes. */
export function fishTable(commands: readonly ListedCommand[]): string {
  const places = placesOf(commands);
  return [
    ...functions(places),
    "complete -c smtpd -f",
    ...behindLines(places),
    ...ownFlagLines(places),
    ...LISTED_SETTINGS.map((flag) =>
      `complete -c smtpd -n __smtpd_takes_settings ${flagOptions(flag)}`
    ),
    ...LISTED_COMMON.map((flag) => `complete -c smtpd ${flagOptions(flag)}`),
  ].join("\n");
}
