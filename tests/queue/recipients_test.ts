import { assertEquals } from "@std/assert";
import { gatherRecipients, MOST_RECIPIENTS } from "../../lib/queue/recipients.ts";
import type { Mailbox } from "../../lib/smtp/mailbox.ts";
import { reply } from "../../lib/smtp/reply.ts";

function mailbox(address: string): Mailbox {
  const at = address.lastIndexOf("@");
  return at < 0
    ? { localPart: address, domain: "" }
    : { localPart: address.slice(0, at), domain: address.slice(at + 1) };
}

const LOOP = reply(554, "5.4.6", "In a circle");

function gather(expansions: Record<string, string[]>) {
  return gatherRecipients({
    isHeld: ({ localPart }) => localPart === "held",
    aliases: {
      isLocal: ({ domain }) => domain.toLowerCase() === "a.test",
      expand({ localPart }) {
        return localPart === "loop" ? LOOP : expansions[localPart]?.map(mailbox);
      },
    },
  });
}

Deno.test("recipients are those that a RCPT stands for, with its NOTIFY and its name", () => {
  const recipients = gather({ joe: ["ann@A.test", "held@b.test"] });
  const rcpt = { forwardPath: mailbox("joe@a.test"), notify: ["success" as const] };
  assertEquals(recipients.add(rcpt, 5), undefined);
  assertEquals(recipients.list, [
    {
      mailbox: mailbox("ann@A.test"),
      domain: "a.test",
      notify: ["success"],
      orcpt: "rfc822;joe@a.test",
      due: 5,
      held: false,
    },
    {
      mailbox: mailbox("held@b.test"),
      domain: "b.test",
      notify: ["success"],
      orcpt: "rfc822;joe@a.test",
      due: 5,
      held: true,
    },
  ]);
});

const originals: [address: string, orcpt: string | undefined, kept: string | undefined][] = [
  ["joe@a.test", "rfc822;first@c.test", "rfc822;first@c.test"],
  ["joe+x@a.test", undefined, "rfc822;joe+2Bx@a.test"],
  ["j e@a.test", undefined, 'rfc822;"j+20e"@a.test'],
  ["postmaster", undefined, "rfc822;postmaster"],
  ["jö@a.test", undefined, undefined],
  [`${"+".repeat(200)}@a.test`, undefined, undefined],
];

Deno.test("an expanded recipient keeps its ORCPT, or gets one that its address can be written in", () => {
  for (const [address, orcpt, kept] of originals) {
    const forwardPath = mailbox(address);
    const recipients = gather({ [forwardPath.localPart]: ["ann@a.test"] });
    recipients.add({ forwardPath, orcpt }, 0);
    assertEquals(recipients.list.map(({ orcpt }) => orcpt), [kept], address);
  }
});

Deno.test("a recipient without an alias keeps what its RCPT said", () => {
  const recipients = gather({});
  recipients.add({ forwardPath: mailbox("ann@a.test"), notify: "never" }, 0);
  assertEquals(recipients.list.map(({ notify, orcpt }) => [notify, orcpt]), [["never", undefined]]);
});

Deno.test("nobody gets a message twice by way of aliases", () => {
  const recipients = gather({
    joe: ["ann@a.test", "X@c.test"],
    all: ["ANN@A.TEST", "bob@a.test", "x@c.test", "X@C.test"],
  });
  for (const address of ["joe@a.test", "all@a.test", "Bob@a.test", "joe@a.test"]) {
    assertEquals(recipients.add({ forwardPath: mailbox(address) }, 0), undefined);
  }
  assertEquals(
    recipients.list.map(({ mailbox: { localPart, domain } }) => `${localPart}@${domain}`),
    ["ann@a.test", "X@c.test", "bob@a.test", "x@c.test"],
  );
});

Deno.test("a refused recipient adds nobody", () => {
  const recipients = gather({});
  assertEquals(recipients.add({ forwardPath: mailbox("loop@a.test") }, 0), LOOP);
  assertEquals(recipients.list, []);
});

Deno.test("aliases make so many recipients of one message and no more", () => {
  const many = (letter: string, count: number) =>
    Array.from({ length: count }, (_, i) => `${letter}${i}@a.test`);
  const recipients = gather({ half: many("a", MOST_RECIPIENTS / 2), rest: many("b", 5_001) });
  assertEquals(recipients.add({ forwardPath: mailbox("half@a.test") }, 0), undefined);
  const refusal = recipients.add({ forwardPath: mailbox("rest@a.test") }, 0);
  assertEquals([refusal?.code, refusal?.enhanced], [452, "4.5.3"]);
  assertEquals(recipients.list.length, MOST_RECIPIENTS / 2);
  assertEquals(recipients.add({ forwardPath: mailbox("one@a.test") }, 0), undefined);
});
