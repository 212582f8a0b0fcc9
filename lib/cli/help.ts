/** `smtpd help`: made from the commands and the table of settings, and fit for 80 columns. @module */
import { type Option, OPTIONS } from "../config.ts";
import { KEYS, nearest } from "../config/names.ts";
import { shown } from "../config/sources.ts";
import {
  DEFAULT_COMMAND,
  LISTED_COMMON,
  LISTED_SETTINGS,
  type ListedCommand,
  listedCommand,
  type Verbs,
} from "./command_table.ts";
import { EXIT, Failure } from "./failure.ts";
import type { ListedFlag } from "./flags.ts";
import { manPage } from "./man_page.ts";
import { columns, WIDTH, wrap } from "./text_columns.ts";
import { type Call, checkOperands, type Example, type Verb } from "./verb.ts";

/** The widest that names of flags may be before what they mean stands further to the left. */
const WIDEST = 28;

type Described = Pick<Option, "meaning" | "repeatable" | "shownDefault">;

function described({ meaning, repeatable, shownDefault }: Partial<Described>): string {
  const repeat = repeatable ? " (repeatable)" : "";
  return `${meaning}${repeat}${shownDefault === undefined ? "" : ` [${shownDefault}]`}`;
}

function flagRow(flag: ListedFlag): [string, string] {
  const value = flag.placeholder === undefined ? "" : ` ${flag.placeholder}`;
  return [`  ${flag.written.join(", ")}${value}`, described(flag)];
}

function table(rows: readonly (readonly [string, string])[]): string {
  const left = Math.min(WIDEST, Math.max(...rows.map(([name]) => name.length)) + 2);
  return rows.map((row) => columns(left, row)).join("\n");
}

function settingsHelp(): string[] {
  const keys = KEYS.filter((key) => OPTIONS[key].fileOnly)
    .map((key): [string, string] => [`  ${key}`, described(OPTIONS[key])]);
  return [
    "Flags, with their defaults in brackets:",
    table(LISTED_SETTINGS.map(flagRow)),
    "Only in the config file:",
    table(keys),
    "SIZE is a number with B, KB, KiB, MB, MiB, GiB or nothing behind it; DURATION\n" +
    "one with ms, s, m, h or d. A flag beats an environment variable (--max-size is\n" +
    "SMTPD_MAX_SIZE; commas between several values), which beats the config file\n" +
    '({ "maxSize": "25MiB", "localDomain": ["example.org"] }).',
  ];
}

function exampleText({ purpose, line }: Example): string {
  return `${wrap(`Example, ${purpose}:`, WIDTH).join("\n")}\n\n  ${line}`;
}

/** The help of one command. */
export function commandHelp(command: ListedCommand): string {
  const { words, usage, summary, flags, family, examples, details } = command;
  const blocks = [
    `smtpd ${usage}`,
    wrap(summary, WIDTH).join("\n"),
    family.map(({ usage, summary }) => columns(6, [`  ${usage}`, summary])).join("\n"),
    flags.length === 0 ? "" : table(flags.map(flagRow)),
    ...words[0] === DEFAULT_COMMAND ? settingsHelp() : [],
    details,
    ...examples.map(exampleText),
  ];
  return blocks.filter((block) => block !== "").join("\n\n");
}

/** Says that there is no such command. */
export function unknownVerb(name: string, names: readonly string[]): Failure {
  const meant = nearest(name, names);
  const mend = meant === undefined ? "see smtpd help" : `did you mean ${meant}?`;
  return new Failure(EXIT.usage, `unknown command ${shown(name)}`, mend);
}

/** What the program is, in one sentence. */
const ABOUT = "smtpd is an SMTP server: it relays mail by MX, and delivers mail for its own " +
  "domains into Maildirs.";

/** What the program does with the fewest words. */
const FIRST_EXAMPLE: Example = {
  purpose: "to relay for this computer, and deliver for example.org into ./mail",
  line: "smtpd --port 2525 --local-domain example.org --maildir ./mail",
};

function overview(verbs: Verbs): string {
  const rows = [...verbs.values()].map(({ usage, summary }): [string, string] => [
    `  smtpd ${usage}`,
    summary,
  ]);
  const common = LISTED_COMMON.flatMap(({ written }) => written);
  return [
    wrap(ABOUT, WIDTH).join("\n"),
    rows.map((row) => columns(35, row)).join("\n"),
    exampleText(FIRST_EXAMPLE),
    `Every command takes ${common.join(", ")}. The flags are in: smtpd help ${DEFAULT_COMMAND}`,
  ].join("\n\n");
}

function helpFor({ operands, flags }: Call, verbs: Verbs): string {
  const [name] = operands;
  if (flags.has("man")) {
    if (name === undefined) return manPage(verbs, { about: ABOUT, example: FIRST_EXAMPLE });
    throw new Failure(EXIT.usage, `the man page is not of ${shown(name)} alone`, "leave it out");
  }
  if (name === undefined) return overview(verbs);
  const verb = verbs.get(name);
  if (verb === undefined) throw unknownVerb(name, [...verbs.keys()]);
  return commandHelp(listedCommand(name, verb));
}

/** Makes the command that tells of all commands; `verbs` has them once it is called. */
export function helpOf(verbs: Verbs): Verb {
  const help: Verb = {
    usage: "help [VERB]",
    summary: "this, or more about VERB",
    takesSettings: false,
    flags: [{
      name: "man",
      meaning: "the man page smtpd(1), in roff, in place of that",
      repeatable: false,
    }],
    get operands() {
      return {
        suggests: { kind: "words", words: [...verbs.keys()] },
        repeatable: false,
      } as const;
    },
    examples: [{
      purpose: "to install the man page",
      line: "smtpd help --man > /usr/local/share/man/man1/smtpd.1",
    }],
    details: () => "",
    run(call) {
      checkOperands(call, 1, 0, help.usage);
      call.around.out(helpFor(call, verbs));
      return EXIT.ok;
    },
  };
  return help;
}
