/** `smtpd users`: adds, removes and lists the accounts of the users file. @module */
import { ConfigError, shown } from "../config/sources.ts";
import type { Account } from "../policy/accounts.ts";
import { formatRate, parseRate } from "../policy/quantity.ts";
import type { Rate } from "../policy/rate.ts";
import { makeVerifier, type ScramVerifier } from "../policy/scram_verifier.ts";
import {
  accountName,
  parseAllowedFrom,
  parseUsers,
  withoutUser,
  withUser,
} from "../policy/users_file.ts";
import { EXIT, Failure } from "./failure.ts";
import { askPassword } from "./password.ts";
import { asciiJson, counted } from "./queue_words.ts";
import { flagsOf, runSubVerb, type SubVerbs } from "./sub_verbs.ts";
import { editUsers, findUsers, readUsers } from "./users_file.ts";
import { type Call, checkOperands, type SubVerb, type Verb } from "./verb.ts";

function badData(error: unknown): unknown {
  if (!(error instanceof SyntaxError)) return error;
  const message = error.message.replace(/^C/, "c");
  const at = message.lastIndexOf(": ");
  const [wrong, mend] = at < 0
    ? [message, "choose another"]
    : [message.slice(0, at), message.slice(at + 2)];
  return new Failure(EXIT.badData, shown(wrong, 500), mend, error);
}

function nameOf(call: Call): string {
  try {
    return accountName(call.operands[0]);
  } catch (error) {
    throw badData(error);
  }
}

/** The users file that is meant. */
function fileOf(call: Call): string {
  const { users } = call.config();
  if (users !== undefined) return users;
  throw new Failure(EXIT.usage, "no users file is named", "name it with --users FILE");
}

function flagError(flag: string, text: string, mend: string): ConfigError {
  return new ConfigError("flag", `cannot use --${flag} ${shown(text)}`, mend);
}

function allowedFromOf({ flags }: Call): readonly string[] | undefined {
  return flags.get("from")?.map((text) => {
    try {
      return parseAllowedFrom(text);
    } catch (error) {
      if (!(error instanceof SyntaxError)) throw error;
      throw flagError("from", text, "write an address like joe@example.org, or @example.org");
    }
  });
}

function quotaOf({ flags }: Call): Rate | undefined {
  const text = flags.get("quota")?.[0];
  const quota = text === undefined ? undefined : parseRate(text);
  if (text !== undefined && quota === undefined) {
    throw flagError("quota", text, "give messages and a time, such as 100/1h");
  }
  return quota;
}

async function verifierOf(password: string): Promise<ScramVerifier> {
  try {
    return await makeVerifier(password);
  } catch (error) {
    throw badData(error);
  }
}

const add: SubVerb = {
  usage: "add NAME",
  summary: "make an account, or give it another password",
  flags: [
    {
      name: "from",
      placeholder: "ADDR",
      meaning: "an address that the account may send from, or all of @DOMAIN; any if left out",
      repeatable: true,
    },
    {
      name: "quota",
      placeholder: "N/DURATION",
      meaning: "how many messages it may send in a time, such as 100/1h",
      repeatable: false,
    },
  ],
  async run(call) {
    if (call.operands.length > 1) {
      // What stands behind the name may be the password, which is not repeated.
      const wrong = "there is more than a name, and a password on the command line is seen by all";
      throw new Failure(EXIT.usage, wrong, "give it when asked, or on standard input");
    }
    checkOperands(call, 1, 1, `users ${add.usage}`);
    const name = nameOf(call);
    const allowedFrom = allowedFromOf(call);
    const quota = quotaOf(call);
    const file = fileOf(call);
    // What is wrong with the file is said before anybody has typed a password.
    findUsers(file);
    const password = await askPassword(name, call.around);
    if (password === undefined) return EXIT.interrupted;
    const verifier = await verifierOf(password);
    let isNew = true;
    await editUsers(file, (text) => {
      const old = parseUsers(text).get(name);
      isNew = old === undefined;
      return withUser(text, {
        name,
        verifier,
        allowedFrom: allowedFrom ?? old?.allowedFrom ?? [],
        quota: quota ?? old?.quota,
      });
    });
    call.around.out(isNew ? `added ${name}` : `${name} was there already, and has a new password`);
    return EXIT.ok;
  },
};

const remove: SubVerb = {
  usage: "remove NAME",
  summary: "take an account away",
  async run(call) {
    checkOperands(call, 1, 1, `users ${remove.usage}`);
    const name = nameOf(call);
    const file = fileOf(call);
    // A file that is not there is not to be made by this.
    readUsers(file);
    await editUsers(file, (text) => {
      const rest = withoutUser(text, name);
      if (rest !== undefined) return rest;
      const wrong = `there is no user ${shown(name)} in ${shown(file)}`;
      throw new Failure(EXIT.badData, wrong, "see smtpd users list");
    });
    call.around.out(`removed ${name}`);
    return EXIT.ok;
  },
};

function accountJson({ name, verifier, allowedFrom, quota }: Account): string {
  return asciiJson({
    name,
    from: allowedFrom,
    quota: quota && formatRate(quota),
    iterations: verifier.iterations,
  });
}

const list: SubVerb = {
  usage: "list",
  summary: "show the accounts, what they may send from, and how much",
  flags: [{ name: "json", meaning: "one object a line", repeatable: false }],
  run(call) {
    checkOperands(call, 0, 0, `users ${list.usage}`);
    const accounts = [...readUsers(fileOf(call)).values()];
    if (call.flags.has("json")) {
      for (const account of accounts) call.around.out(accountJson(account));
      return EXIT.ok;
    }
    const width = Math.max(...accounts.map(({ name }) => name.length));
    for (const { name, allowedFrom, quota } of accounts) {
      const from = allowedFrom.length === 0 ? "any address" : allowedFrom.join(" ");
      const rate = quota === undefined ? "" : `  ${formatRate(quota)}`;
      call.around.out(`${name.padEnd(width)}  ${from}${rate}`);
    }
    call.around.err(counted(accounts.length, "account"));
    return EXIT.ok;
  },
};

const VERBS: SubVerbs = new Map(Object.entries({ add, remove, list }));

function details(): string {
  return [
    "The file of accounts is a setting of serve: --users names it, or --config. add",
    "asks for the password on the terminal; where there is none, it is the first line",
    "of standard input. The file keeps what SCRAM-SHA-256 needs to check it, and not",
    "the password. An account that is there keeps its addresses and its quota, unless",
    "others are given. The file has to have mode 0600; add makes it where there is",
    "none. A server notices within a second.",
  ].join("\n");
}

/** The command. */
export const users: Verb = {
  usage: "users <verb> [NAME]",
  summary: "add, remove or list accounts",
  takesSettings: true,
  flags: flagsOf(VERBS),
  family: VERBS,
  examples: [{
    purpose: "for an account that may send as one address",
    line: "smtpd users add joe --users /etc/smtpd/users --from joe@example.org",
  }],
  details,
  run: (call) => runSubVerb("users", VERBS, call),
};
