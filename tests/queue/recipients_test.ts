import { assertEquals } from "@std/assert";
import { gatherRecipients, MOST_RECIPIENTS, type Recipients } from "../../lib/queue/recipients.ts";
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

/** The addresses in a list of recipients. */
function addressesOf({ list }: Recipients): string[] {
  return list.map(({ mailbox: { localPart, domain } }) => `${localPart}@${domain}`);
}

Deno.test("policy names others in place of a recipient, who are expanded as aliases are", () => {
  const recipients = gather({ joe: ["ann@a.test", "x@c.test"] });
  const rcpt = { forwardPath: mailbox("all@a.test"), notify: ["failure" as const] };
  const forwardPaths = ["joe@a.test", "bob@b.test", "held@b.test"].map(mailbox);
  assertEquals(recipients.add(rcpt, 5, { forwardPaths }), undefined);
  assertEquals(addressesOf(recipients), ["ann@a.test", "x@c.test", "bob@b.test", "held@b.test"]);
  for (const { notify, orcpt, rewrittenFrom, due, route } of recipients.list) {
    assertEquals([notify, orcpt, rewrittenFrom, due, route], [
      ["failure"],
      "rfc822;all@a.test",
      "all@a.test",
      5,
      undefined,
    ]);
  }
  assertEquals(recipients.list.map(({ held }) => held), [false, false, false, true]);
});

Deno.test("a recipient that policy rewrites keeps the ORCPT that the sender gave", () => {
  const recipients = gatherRecipients({ isHeld: () => false });
  const rcpt = { forwardPath: mailbox("all@a.test"), orcpt: "rfc822;first@c.test" };
  recipients.add(rcpt, 0, { forwardPaths: [mailbox("bob@b.test")] });
  assertEquals(recipients.list[0].orcpt, "rfc822;first@c.test");
});

Deno.test("whoever policy rewrites to one mailbox gets the message once, with aliases and without", () => {
  for (const aliases of [undefined, { isLocal: () => true, expand: () => undefined }]) {
    const recipients = gatherRecipients({ isHeld: () => false, aliases });
    recipients.add({ forwardPath: mailbox("all@a.test") }, 0);
    for (const address of ["b@a.test", "c@a.test"]) {
      const forwardPaths = ["all@A.test", "d@a.test", "d@a.test"].map(mailbox);
      recipients.add({ forwardPath: mailbox(address) }, 0, { forwardPaths });
    }
    recipients.add({ forwardPath: mailbox("d@a.test") }, 0);
    assertEquals(addressesOf(recipients), ["all@a.test", "d@a.test"]);
    assertEquals(recipients.list.map(({ rewrittenFrom }) => rewrittenFrom), [
      undefined,
      "b@a.test",
    ]);
  }
});

Deno.test("a refusal of one of those whom policy names refuses the recipient", () => {
  const recipients = gather({});
  const forwardPaths = ["ann@a.test", "loop@a.test"].map(mailbox);
  assertEquals(recipients.add({ forwardPath: mailbox("b@a.test") }, 0, { forwardPaths }), LOOP);
  assertEquals(recipients.list, []);
});

Deno.test("policy chooses a route for a recipient, and one for all", () => {
  const recipients = gather({});
  const add = (address: string, route?: string) =>
    recipients.add({ forwardPath: mailbox(address) }, 0, { route });
  add("a@a.test");
  add("b@a.test", "smtp://b.test");
  add("held@a.test", "mx");
  add("c@a.test", "hold");
  const shown = () => recipients.list.map(({ route, held }) => [route, held]);
  const own = [[undefined, false], ["smtp://b.test", false], ["mx", false], [undefined, true]];
  assertEquals(shown(), own);
  recipients.routeAll("discard");
  assertEquals(shown(), own.map(() => ["discard", false]));
  recipients.routeAll("hold");
  assertEquals(shown(), own.map(() => [undefined, true]));
});
