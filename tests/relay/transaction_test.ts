import { assertEquals, assertInstanceOf, assertRejects } from "@std/assert";
import { HopError } from "../../lib/relay/remote_reply.ts";
import { RemoteTransaction } from "../../lib/relay/transaction.ts";
import type { MailParameters, RcptParameters } from "../../lib/smtp/envelope.ts";
import { type Reply, reply } from "../../lib/smtp/reply.ts";
import { EHLO_DSN, type Script } from "./fake_hosts.ts";
import { envelope, mailbox, world } from "./fake_relay.ts";

const ANN: RcptParameters = { forwardPath: mailbox("ann@x.test") };

/** A transaction to `x.test`, whose hosts follow these scripts. */
function begin(scripts: readonly Script[], mail: Partial<MailParameters> = {}) {
  const made = world(Object.fromEntries(scripts.map((each, i) => [`192.0.2.${i + 1}`, each])));
  const hop = { kind: "mx", domain: "x.test" } as const;
  return { ...made, transaction: new RemoteTransaction(hop, envelope([], mail), made.remote) };
}

const codes = (replies: readonly Reply[]) =>
  replies.map(({ code, enhanced }) => `${code} ${enhanced}`);

Deno.test("transaction asks each host for the notices that it offers", async () => {
  const rcpt: RcptParameters = { ...ANN, notify: ["delay"], orcpt: "rfc822;ann@x.test" };
  const scripts = [{ ehlo: EHLO_DSN, rcpt: "421 4.3.2 busy" }, {}];
  const { transaction, clock, hosts } = begin(scripts, { ret: "full", envid: "1" });
  assertEquals(transaction.offersDsn, false);
  const answers = await clock.run(transaction.rcpts([rcpt], true));
  assertEquals(codes(answers), ["250 2.1.5"]);
  assertEquals(hosts.seen("192.0.2.1").commands.slice(1), [
    "MAIL FROM:<joe@us.test> RET=FULL ENVID=1",
    "RCPT TO:<ann@x.test> NOTIFY=DELAY ORCPT=rfc822;ann@x.test",
    "DATA",
  ]);
  assertEquals(hosts.seen("192.0.2.2").commands.slice(1, 3), [
    "MAIL FROM:<joe@us.test>",
    "RCPT TO:<ann@x.test>",
  ]);
  // It is the host that has the message in the end who counts.
  assertEquals(transaction.offersDsn, false);
  transaction.abort();
});

Deno.test("transaction knows that its host offers DSN, also when it is over", async () => {
  const { transaction, clock } = begin([{ ehlo: EHLO_DSN }]);
  await clock.run(transaction.rcpt(ANN));
  await clock.run(transaction.data(""));
  await clock.run(transaction.end());
  assertEquals(transaction.offersDsn, true);
});

Deno.test("transaction says what cannot be sent on, and sends the others", async () => {
  const { transaction, clock, hosts } = begin([{ ehlo: EHLO_DSN }]);
  const answers = await clock.run(transaction.rcpts([
    { ...ANN, orcpt: "ann@x.test" },
    { forwardPath: mailbox("a\nb@x.test"), notify: "never" },
    { ...ANN, notify: "never" },
  ]));
  assertEquals(codes(answers), ["553 5.1.3", "553 5.1.3", "250 2.1.5"]);
  assertEquals(answers.slice(0, 2).map(({ lines }) => lines), [
    ["Cannot send ORCPT: it is not an address type and xtext"],
    ['Cannot send the address <"a\\x0ab"@x.test>: the local part has a control character'],
  ]);
  assertEquals(hosts.seen("192.0.2.1").commands.slice(1), [
    "MAIL FROM:<joe@us.test>",
    "RCPT TO:<ann@x.test> NOTIFY=NEVER",
  ]);
  transaction.abort();
});

Deno.test("transaction has nothing to say for an envelope identifier that is none", async () => {
  const table: [string, string][] = [[EHLO_DSN, "553 5.1.7"], ["250 fake.test", "250 2.1.5"]];
  for (const [ehlo, expected] of table) {
    const { transaction, clock } = begin([{ ehlo }], { envid: "a=b" });
    assertEquals(codes([await clock.run(transaction.rcpt(ANN))]), [expected]);
    transaction.abort();
  }
});

Deno.test("transaction throws the words of the host that refuses in the midst of the data", async () => {
  const { transaction, clock } = begin([{ during: [100, "552 5.3.4 too big"] }]);
  await clock.run(transaction.rcpt(ANN));
  await clock.run(transaction.data(""));
  const slice = new TextEncoder().encode("0123456789abcdef\r\n".repeat(1000));
  const error = await assertRejects(async () => {
    for (let i = 0; i < 100; i++) await clock.run(transaction.write(slice));
  });
  assertInstanceOf(error, HopError);
  assertEquals(error.reply.remote, {
    host: "mx1.x.test",
    address: "192.0.2.1",
    said: reply(552, "5.3.4", "too big"),
  });
  transaction.abort();
});
