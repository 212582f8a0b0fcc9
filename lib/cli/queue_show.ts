/** `smtpd queue show`: everything that is known of a message. @module */
import { entryJson } from "../queue/entry_json.ts";
import type { Attempt, Entry, Recipient } from "../queue/store.ts";
import { tlsText } from "../relay/tls_policy.ts";
import { printable } from "../smtp/reply.ts";
import { EXIT, Failure } from "./failure.ts";
import { openQueueReader } from "./open_queue.ts";
import { IDS, idsOf, JSON_FLAG } from "./queue_selection.ts";
import {
  asciiJson,
  counted,
  localTime,
  recipientText,
  senderText,
  shownReply,
} from "./queue_words.ts";
import type { SubVerb } from "./verb.ts";

function row(name: string, text: string): string {
  return `${name.padEnd(11)}  ${text}`;
}

function originText({ origin }: Entry): string {
  const { client, heloName, protocol, session, tls, account } = origin;
  const helo = heloName === undefined ? "" : ` as ${heloName}`;
  const within = session === undefined ? "" : `, session ${session}`;
  const who = account === undefined ? "" : `, account ${account}`;
  const secured = tls === undefined ? "" : `, ${tls}`;
  return printable(`${client}${helo} by ${protocol}${who}${secured}${within}`);
}

function* recipientRows(recipient: Recipient): Generator<string> {
  const { state, attempts, due, lastReply, notify, orcpt, delayTold } = recipient;
  const { route, rewrittenFrom } = recipient;
  yield row("to", recipientText(recipient));
  if (route !== undefined) yield row("  by", printable(route));
  if (rewrittenFrom !== undefined) {
    yield row("  rewritten", `from ${printable(rewrittenFrom)} by a hook`);
  }
  const next = state === "queued" ? `, next attempt ${localTime(due)}` : "";
  yield row("  state", `${state} after ${counted(attempts, "attempt")}${next}`);
  if (lastReply !== undefined) yield row("  last reply", shownReply(lastReply));
  if (notify !== undefined) {
    yield row("  notify", notify === "never" ? notify : notify.join(", "));
  }
  if (orcpt !== undefined) yield row("  original", printable(orcpt));
  if (delayTold) yield row("  told", "the sender was told of the delay");
}

function* attemptRows(entry: Entry, { begun, ended, host, address, tls, outcomes }: Attempt) {
  const where = [host, address].filter((part) => part !== undefined).join(" ");
  const place = where === "" ? "" : `  ${printable(where)}`;
  const lasted = ((ended - begun) / 1000).toFixed(1);
  yield row("attempt", `${localTime(begun)}${place}, ${lasted} s`);
  if (tls !== undefined) yield row("  tls", printable(tlsText(tls)));
  for (const { index, state, due, reply } of outcomes) {
    const recipient = entry.recipients.find((recipient) => recipient.index === index);
    const name = recipient === undefined ? `recipient ${index}` : recipientText(recipient);
    const next = due === undefined ? "" : `, again ${localTime(due)}`;
    yield row("", `${name}: ${state}${next}: ${shownReply(reply)}`);
  }
}

function* ledger(entry: Entry, attempts: readonly Attempt[]): Generator<string> {
  const { id, mail, size, accepted, expires, headerChanges, recipients } = entry;
  yield row("message", id);
  yield row("from", senderText(entry));
  yield row("size", `${size} octets`);
  yield row("handed in", originText(entry));
  yield row("accepted", localTime(accepted));
  yield row("expires", localTime(expires));
  if (mail.body !== undefined) yield row("body", mail.body);
  if (mail.smtpUtf8) yield row("smtputf8", "yes");
  if (mail.ret !== undefined) yield row("ret", mail.ret);
  if (mail.envid !== undefined) yield row("envid", printable(mail.envid));
  if (mail.requireTls) yield row("requiretls", "yes");
  if (mail.tlsRequiredNo) yield row("tls-required", "no");
  if (headerChanges !== undefined) {
    yield row("changed", `${printable(headerChanges.join(", "))} by a hook`);
  }
  for (const recipient of recipients) yield* recipientRows(recipient);
  for (const attempt of attempts) yield* attemptRows(entry, attempt);
}

/** The command. */
export const show: SubVerb = {
  usage: "show ID ...",
  summary: "the ledger: envelope, who handed it in, each attempt with its replies",
  flags: [JSON_FLAG],
  operands: IDS,
  async run(call) {
    const { operands, around, flags } = call;
    if (operands.length === 0) {
      throw new Failure(EXIT.usage, "an argument is missing", "write smtpd queue show ID");
    }
    const reader = openQueueReader(call.config());
    await using _ = reader;
    for (const [i, id] of (await idsOf(reader, operands)).entries()) {
      const entry = await reader!.show(id);
      if (entry === undefined) {
        const wrong = `message ${id} is not in the queue any more`;
        throw new Failure(EXIT.badData, wrong, "smtpd queue list shows those that are");
      }
      const attempts = await reader!.attempts(id);
      if (flags.has("json")) {
        around.out(asciiJson(entryJson(entry, attempts)));
        continue;
      }
      if (i > 0) around.out("");
      for (const line of ledger(entry, attempts)) around.out(line);
    }
    return EXIT.ok;
  },
};
