/** `smtpd help`: made from the commands and the table of settings, and fit for 80 columns. @module */
import { type Option, OPTIONS } from "../config.ts";
import { flagName, type Key, KEYS, nearest } from "../config/names.ts";
import { shown } from "../config/sources.ts";
import { EXIT, Failure } from "./failure.ts";
import { checkOperands, type Verb } from "./verb.ts";

const WIDTH = 80;

/** Breaks text into lines of at most `width`, between words. */
function wrap(text: string, width: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > width) {
      lines.push(line);
      line = word;
    } else {
      line = line === "" ? word : `${line} ${word}`;
    }
  }
  return [...lines, line];
}

/** Two columns: the left one as wide as `left`, the right one wrapped. */
function columns(left: number, [name, text]: readonly [string, string]): string {
  const [first, ...more] = wrap(text, WIDTH - left);
  const indent = " ".repeat(left);
  // A name that is too wide for its column stands on a line of its own.
  const head = name.length + 2 > left ? `${name}\n${indent}` : name.padEnd(left);
  return [head + first, ...more.map((line) => indent + line)].join("\n");
}

function described(option: Option): string {
  const repeat = option.repeatable ? " (repeatable)" : "";
  return `${option.meaning}${repeat} [${option.shownDefault}]`;
}

function flagRow(key: Key): [string, string] {
  const option: Option = OPTIONS[key];
  const short = option.short === undefined ? "" : `-${option.short}, `;
  const value = option.placeholder === undefined ? "" : ` ${option.placeholder}`;
  return [`  ${short}--${flagName(key)}${value}`, described(option)];
}

/** What the help of serve says of every setting. */
export function settingsHelp(): string {
  const flags = KEYS.filter((key) => !OPTIONS[key].fileOnly).map(flagRow);
  const keys = KEYS.filter((key) => OPTIONS[key].fileOnly)
    .map((key): [string, string] => [`  ${key}`, described(OPTIONS[key])]);
  return [
    "Flags, with their defaults in brackets:",
    "",
    ...flags.map((row) => columns(28, row)),
    "",
    "Only in the config file:",
    "",
    ...keys.map((row) => columns(28, row)),
    "",
    "SIZE is a number with B, KB, KiB, MB, MiB, GiB or nothing behind it; DURATION",
    "one with ms, s, m, h or d. A flag beats an environment variable (--max-size is",
    "SMTPD_MAX_SIZE; commas between several values), which beats the config file",
    '({ "maxSize": "25MiB", "localDomain": ["example.org"] }).',
  ].join("\n");
}

/** Makes the command of the others, which it tells about. */
export function helpOf(verbs: ReadonlyMap<string, Verb>): Verb {
  function overview(): string {
    const rows = [...verbs.values(), help].map((verb): [string, string] => [
      `  smtpd ${verb.usage}`,
      verb.summary,
    ]);
    return [
      "smtpd is an SMTP server: it relays mail by MX, and delivers mail for its own",
      "domains into Maildirs.",
      "",
      ...rows.map((row) => columns(33, row)),
      "",
      "Example: relay for this computer, and deliver mail for example.org into ./mail",
      "",
      "  smtpd --port 2525 --local-domain example.org --maildir ./mail",
      "",
      "The flags are listed by: smtpd help serve",
    ].join("\n");
  }

  const help: Verb = {
    usage: "help [VERB]",
    summary: "this, or more about VERB",
    takesSettings: false,
    details: () => "",
    run(call) {
      checkOperands(call, 1, 0, help.usage);
      const [name] = call.operands;
      if (name === undefined) {
        call.around.out(overview());
        return EXIT.ok;
      }
      const verb = name === "help" ? help : verbs.get(name);
      if (verb === undefined) throw unknownVerb(name, [...verbs.keys(), "help"]);
      const details = verb.details();
      const head = `smtpd ${verb.usage}\n\n${wrap(verb.summary, WIDTH).join("\n")}`;
      call.around.out(details === "" ? head : `${head}\n\n${details}`);
      return EXIT.ok;
    },
  };
  return help;
}

/** Says that there is no such command. */
export function unknownVerb(name: string, names: readonly string[]): Failure {
  const meant = nearest(name, names);
  const mend = meant === undefined ? "see smtpd help" : `did you mean ${meant}?`;
  return new Failure(EXIT.usage, `unknown command ${shown(name)}`, mend);
}
