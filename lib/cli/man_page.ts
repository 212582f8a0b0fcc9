/** The man page smtpd(1), made from the same table as the help. @module */
import { type Option, OPTIONS } from "../config.ts";
import { KEYS, variableName } from "../config/names.ts";
import {
  DEFAULT_COMMAND,
  LISTED_COMMON,
  LISTED_SETTINGS,
  type ListedCommand,
  listedCommands,
  type Verbs,
} from "./command_table.ts";
import { EXIT, EXIT_MEANINGS, type ExitName } from "./failure.ts";
import type { ListedFlag } from "./flags.ts";
import { type Fact, FILES, SIGNALS, VARIABLES } from "./manual_facts.ts";
import {
  bold,
  italic,
  joined,
  paragraph,
  paragraphs,
  section,
  subsection,
  tagged,
  verbatim,
} from "./roff.ts";
import type { Example } from "./verb.ts";
import { VERSION, VERSION_DATE } from "./version.ts";

/** Begins a text as a sentence begins. */
function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** How a command is called: what is typed as it stands in bold, what something stands for in italics. */
function callText(usage: string): string {
  return usage.replace(/[A-Z]+|<[a-z]+>|[a-z-]+/g, (word) => {
    const isTyped = /^[a-z-]+$/.test(word) && word !== "flags";
    return isTyped ? bold(word) : italic(word.replace(/[<>]/g, ""));
  });
}

function valued(name: string, placeholder: string | undefined): string {
  return placeholder === undefined ? name : `${name} ${italic(placeholder)}`;
}

function meaningText({ meaning, repeatable, shownDefault }: Described): string {
  // It may begin with a word of the command line, which is no other in capitals.
  const repeat = repeatable ? "; may be given more than once" : "";
  const byDefault = shownDefault === undefined ? "" : ` Default: ${shownDefault}.`;
  return `${meaning}${repeat}.${byDefault}`;
}

type Described = Pick<ListedFlag, "meaning" | "shownDefault"> & Partial<Pick<Option, "repeatable">>;

function flagEntry(flag: ListedFlag): string[] {
  const names = flag.written.map(bold).join(", ");
  return tagged(valued(names, flag.placeholder), meaningText(flag));
}

function commandPart(command: ListedCommand): string[] {
  const { usage, summary, flags, family, details } = command;
  return [
    subsection(`smtpd ${usage}`),
    ...paragraph(`${capital(summary)}.`),
    ...family.flatMap(({ usage, summary }) => tagged(callText(usage), `${capital(summary)}.`)),
    ...flags.flatMap(flagEntry),
    ...details === "" ? [] : paragraphs(details),
  ];
}

function factEntry([name, meaning]: Fact): string[] {
  return tagged(bold(name), `${capital(meaning)}.`);
}

function exitEntry(name: ExitName): string[] {
  return factEntry([`${EXIT[name]}`, EXIT_MEANINGS[name]]);
}

function exampleEntry({ purpose, line }: Example): string[] {
  return [...paragraph(`${capital(purpose)}:`), ...verbatim([line])];
}

function synopsis(commands: readonly ListedCommand[]): string[] {
  const lines = commands.map(({ usage }) => `${bold("smtpd")} ${callText(usage)}`);
  return lines.flatMap((line, i) => i === 0 ? [line] : [".br", line]);
}

/** The keys that only the config file has. */
function keyEntries(): string[] {
  return KEYS.filter((key) => OPTIONS[key].fileOnly).flatMap((key) => {
    const option: Option = OPTIONS[key];
    return tagged(
      valued(bold(key), option.placeholder),
      meaningText({ ...option, repeatable: false }),
    );
  });
}

const FLAGS_INTRODUCTION =
  "SIZE is a number with B, KB, KiB, MB, MiB, GiB or nothing behind it; DURATION one with ms, s, m, h " +
  "or d. A flag beats an environment variable, which beats the config file.";

const FILE_INTRODUCTION =
  "The file that --config names holds one JSON object. Each flag above is a key of it, in camel case " +
  "and with no dashes; what may be given more than once is an array. These keys have no flag:";

const FILE_EXAMPLE = '{ "maxSize": "25MiB", "localDomain": ["example.org"], "maxErrors": 10 }';

function environmentText(): string {
  const [first] = LISTED_SETTINGS;
  return `Each flag of ${DEFAULT_COMMAND} is a variable too, which is named after it: ` +
    `${first.written[first.written.length - 1]} is ${
      variableName("port")
    }. Several values have commas ` +
    "between them. A variable that begins with SMTPD_ and is none of these is an error.";
}

/** Makes the page, in roff; a newline at its end is left to the one who writes it. */
export function manPage(
  verbs: Verbs,
  { about, example }: { readonly about: string; readonly example: Example },
): string {
  const commands = listedCommands(verbs);
  return joined([
    '.\\" Made by smtpd help \\-\\-man: what is to be changed is changed in the program.',
    `.TH SMTPD 1 ${VERSION_DATE} "smtpd ${VERSION}" "User Commands"`,
    section("NAME"),
    "smtpd \\- SMTP server, with a durable queue and an inbox for development",
    section("SYNOPSIS"),
    ...synopsis(commands),
    section("DESCRIPTION"),
    ...paragraph(about),
    ...paragraph("What it has accepted is delivered, or still there, or its sender is told."),
    section("COMMANDS"),
    ...commands.flatMap(commandPart),
    subsection("Every command"),
    ...LISTED_COMMON.flatMap(flagEntry),
    section("SETTINGS"),
    ...paragraph(FLAGS_INTRODUCTION),
    ...LISTED_SETTINGS.flatMap(flagEntry),
    section("CONFIGURATION FILE"),
    ...paragraph(FILE_INTRODUCTION),
    ...keyEntries(),
    ...paragraph("A file may be:"),
    ...verbatim([FILE_EXAMPLE]),
    section("ENVIRONMENT"),
    ...paragraph(environmentText()),
    ...VARIABLES.flatMap(factEntry),
    section("FILES"),
    ...FILES.flatMap(factEntry),
    section("EXIT STATUS"),
    ...paragraph("The codes are those of sysexits.h. An error is one line on standard error."),
    ...(Object.keys(EXIT) as ExitName[]).flatMap(exitEntry),
    section("SIGNALS"),
    ...SIGNALS.flatMap(factEntry),
    section("EXAMPLES"),
    ...[example, ...commands.flatMap(({ examples }) => examples)].flatMap(exampleEntry),
    section("SEE ALSO"),
    `${bold("sendmail")}(1), ${bold("aliases")}(5), ${bold("mailq")}(1)`,
  ]);
}
