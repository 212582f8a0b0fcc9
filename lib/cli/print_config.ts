/** `smtpd config --print`: every setting, and where it comes from. @module */
import { type Option, OPTIONS } from "../config.ts";
import { type Key, KEYS } from "../config/names.ts";
import { type Origin, type Setting, type Settled, shown } from "../config/sources.ts";
import { parseWholeNumber } from "../policy/quantity.ts";
import { EXIT, Failure } from "./failure.ts";
import { loadSettled } from "./load.ts";
import { asciiJson } from "./queue_words.ts";
import { checkOperands, type Verb } from "./verb.ts";

/** A value as the config file has it. */
type Member = string | number | boolean | readonly Member[];

/** One value in the syntax of the config file, without a password. */
function memberOf({ type, masked }: Option["value"], text: string): Member {
  if (type === "boolean") return text === "true";
  // A size with its unit is text there as well.
  if (type === "number") return parseWholeNumber(text) ?? text;
  return masked?.(text) ?? text;
}

/** A setting in the syntax of the config file; `undefined` for one that has no value. */
function settingMember(key: Key, { texts }: Setting): Member | undefined {
  const { value, repeatable } = OPTIONS[key];
  const members = texts.map((text) => memberOf(value, text));
  return repeatable ? members : members[0];
}

function originText(origin: Origin): string {
  return origin.source === "default" ? "default" : shown(origin.name);
}

/** The settings for people: a line each, in columns. */
function lines({ settings }: Settled): string[] {
  const rows = [...settings].map(([key, setting]) => {
    const member = settingMember(key, setting);
    return [key, originText(setting.origin), member === undefined ? "none" : asciiJson(member)];
  });
  const [first, second] = [0, 1].map((column) =>
    Math.max(...rows.map((row) => row[column].length))
  );
  return rows.map(([key, origin, value]) =>
    `${key.padEnd(first)}  ${origin.padEnd(second)}  ${value}`
  );
}

/** The settings for programs: what a config file may hold, and where each is from. */
function json({ settings }: Settled): string {
  // The file does not name itself.
  const keys = KEYS.filter((key) => key !== "config");
  const members = keys.map((key) => [key, settingMember(key, settings.get(key)!)] as const);
  return asciiJson({
    settings: Object.fromEntries(members.filter(([, member]) => member !== undefined)),
    from: Object.fromEntries(keys.map((key) => [key, settings.get(key)!.origin])),
  });
}

/** The command. */
export const printConfig: Verb = {
  usage: "config --print [--json]",
  summary: "show every setting, and what it comes from",
  takesSettings: true,
  flags: [
    { name: "print", meaning: "as text, a line for each setting", repeatable: false },
    {
      name: "json",
      meaning:
        "an object with two members: settings, which a config file may have as it is, and from",
      repeatable: false,
    },
  ],
  examples: [{
    purpose: "to make a config file of flags",
    line: "smtpd config --print --json --port 2525 | jq .settings > smtpd.json",
  }],
  details: () =>
    "It takes the flags of serve, and shows the value that each setting has with\n" +
    "them, as the config file would have it: in JSON. Before it stands what set it: a\n" +
    "flag, an environment variable, the config file or the default.\n\n" +
    "*** stands for a password in a route, and for what is behind the host of a web\n" +
    "hook; smtpd takes no route with *** in it.",
  run(call) {
    checkOperands(call, 0, 0, printConfig.usage);
    if (call.flags.get("print")?.[0] !== "true") {
      const wrong = "smtpd config does nothing unless it is told what to do";
      throw new Failure(EXIT.usage, wrong, `write smtpd ${printConfig.usage}`);
    }
    const settled = loadSettled(call, call.around);
    const isJson = call.flags.get("json")?.[0] === "true";
    for (const line of isJson ? [json(settled)] : lines(settled)) call.around.out(line);
    return EXIT.ok;
  },
};
