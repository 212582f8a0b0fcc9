/** Each recipe of the cookbook does what it says, in a real server. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { listen } from "../../lib/mod.ts";
import { freePort, peerTest } from "../peers.ts";
import { PASSWORD } from "./canaries.ts";
import { assertAttempts, attempt, serveRecipe } from "./cookbook.ts";
import { octets } from "./corpus.ts";
import { Dialog } from "./dialog.ts";
import { POSTFIX, startPostfix, TRIES_AGAIN_SOON } from "./postfix.ts";
import { openFor } from "./proxied.ts";
import { eventually, temporaryDirectory } from "./smtpd.ts";
import { addAccount } from "./tls_server.ts";

const REFUSED = /^550 5\.7\.1 /;
const PUT_OFF = /^451 4\.7\.1 /;
const TAKEN = /^250 /;

/** Connects for a client that a proxy tells of in words (proxy-protocol.txt, section 2.1). */
function behindProxy(addresses: string): (port: number) => Promise<Dialog> {
  return async (port) => {
    const dialog = await Dialog.begin(port, octets(`PROXY ${addresses} 40000 25\r\n`));
    assertEquals((await dialog.reply()).code, 220);
    await dialog.say("EHLO client.test");
    return dialog;
  };
}

Deno.test("allow_list.js takes mail from the senders and networks it lists", async () => {
  await using served = await serveRecipe("allow_list", {
    flags: ["--proxy-protocol", "127.0.0.0/8"],
  });
  const stranger = { from: "x@stranger.test" };
  const bySender = [
    { ...stranger, reply: REFUSED },
    { from: "x@example.net", reply: REFUSED },
    { from: "x@sub.example.org", reply: REFUSED },
    { from: "News@Example.NET", reply: TAKEN },
    { from: "anybody@EXAMPLE.ORG", reply: TAKEN },
    { from: "", reply: TAKEN },
  ];
  await assertAttempts(served, bySender, (port) => openFor(port, "198.51.100.1"));
  const byNetwork = [
    ["TCP4 192.0.2.255 198.51.100.1", TAKEN],
    ["TCP4 192.0.3.0 198.51.100.1", REFUSED],
    ["TCP6 2001:db8:ffff::1 2001:db8::2", TAKEN],
    ["TCP6 2001:db8:1:2:3:4:5:6 2001:db8::2", TAKEN],
    ["TCP6 2001:db9::1 2001:db8::2", REFUSED],
    ["TCP6 ::2001:db8:0:1 2001:db8::2", REFUSED],
  ] as const;
  for (const [addresses, reply] of byNetwork) {
    await assertAttempts(served, [{ ...stranger, reply }], behindProxy(addresses));
  }
});

Deno.test("allow_list.js is not loaded with a network that cannot be read", async () => {
  for (const network of ["192.0.2.0", "192.0.2.0/33", "192.0.2/24", "2001:db8::/129", "a/8"]) {
    const serving = serveRecipe("allow_list", { changes: { "192.0.2.0/24": network } });
    await assertRejects(() => serving, Error, `Cannot read the network ${network}`);
  }
});

Deno.test("tag_subject.js tags each subject once, and refuses none", async () => {
  await using served = await serveRecipe("tag_subject");
  const long = "x".repeat(300);
  await assertAttempts(
    served,
    [
      ["Subject: hello\n\n1", /^Subject: \[list\] hello\r\n\r\n1/m],
      ["SUBJECT: Re: [list] hello\n\n2", /^SUBJECT: Re: \[list\] hello\r\n\r\n2/m],
      ["Subject: a\n\tfolded one\n\n3", /^Subject: \[list\] a folded one\r\n\r\n3/m],
      ["From: a@client.test\n\n4", /^Subject: \[list\]\r\n\r\n4/m],
      [`Subject: ${long}\n\n5`, /^Subject: x{300}\r\n\r\n5/m],
      ["Subject: \x1b[1m\n\n6", /^Subject: \x1b\[1m\r\n\r\n6/m],
    ].map(([message, pattern]) => ({
      ...{ message: `${message}\n`, reply: TAKEN },
      delivered: ["joe", pattern as RegExp] as const,
    })),
  );
});

/** A message of two parts, the second with these fields. */
function withPart(fields: string): string {
  return `Subject: x\nContent-Type: multipart/mixed; boundary="b"\n\n--b\n\nText\n--b\n${fields}\n\nx\n--b--\n`;
}

Deno.test("attachment_types.js refuses programs however they are named", async () => {
  await using served = await serveRecipe("attachment_types");
  const disposition = "Content-Disposition: attachment;";
  const refused = [
    `${disposition} filename="a.exe"`,
    `${disposition} filename=A.EXE`,
    `${disposition} filename="a.exe. "`,
    `${disposition}\n  filename="report.pdf.scr"`,
    `${disposition} filename="a\\.exe"`,
    `${disposition} filename*=UTF-8''a%2eexe`,
    `${disposition} filename*0="a.e"; filename*1="xe"`,
    `${disposition} filename*1="xe"; filename*0="a.e"`,
    `${disposition} filename="=?UTF-16LE?B?${btoa("a\0.\0e\0x\0e\0")}?="`,
    `${disposition} filename*0*=UTF-8''a%2e; filename*1*=e%78e`,
    `${disposition} filename="=?UTF-8?B?${btoa("a.exe")}?="`,
    `${disposition} filename="=?utf-8?q?a=2Eexe?="`,
    'Content-Type: application/octet-stream; name="a.js"',
    'content-type : text/plain; charset=utf-8; name="a.vbs"',
    'Content-Type : message/rfc822\n\nSubject: y\nContent-Type: text/plain; name="a.bat"',
  ].map(withPart);
  const taken = [
    `${disposition} filename="a.exe.txt"`,
    `${disposition} filename="exe"`,
    `${disposition} filename="=?utf-8?b?YQabc?="`,
    'X-Other: y; name="a.exe"',
    `\n${disposition} filename="a.exe"`,
  ].map(withPart);
  await assertAttempts(served, [
    ...refused.map((message) => ({ message, reply: REFUSED })),
    { message: 'Content-Type: text/plain; name="a.exe"\n\nx\n', reply: REFUSED },
    ...taken.map((message) => ({ message, reply: TAKEN })),
    { message: withPart(`${disposition}${"\n  a=b;".repeat(2_000)} c=d`), reply: /^550 5\.6\.0 / },
    { message: withPart(`\n${"x".repeat(990)}\n`.repeat(1_000)), reply: TAKEN },
  ]);
});

Deno.test("route_recipient.js sends mail another way by address and by domain", async () => {
  const taken: string[] = [];
  const hop = () =>
    listen({ hosts: ["127.0.0.1"] }, async (session) => {
      for await (const mail of session.process()) {
        const [{ localPart, domain }] = mail.forwardPaths;
        taken.push(`${localPart}@${domain} to ${session.local.port}`);
        mail.accept();
      }
    });
  await using first = hop();
  await using second = hop();
  await using served = await serveRecipe("route_recipient", {
    changes: {
      "smtp://127.0.0.1:2526": `smtp://127.0.0.1:${first.port}`,
      "lmtp://127.0.0.1:2424": `smtp://127.0.0.1:${second.port}`,
    },
    flags: ["--relay-from", "192.0.2.1/32"],
  });
  await assertAttempts(served, [
    { to: "joe@example.org", reply: TAKEN },
    { to: "NoReply@example.org", reply: TAKEN },
    { to: "any@Lists.example.org", reply: TAKEN },
    { to: "ann@example.org", reply: TAKEN, delivered: ["ann", /Hello/] },
    { to: "joe@elsewhere.test", reply: /^550 / },
  ]);
  await eventually(
    () => taken.length >= 2 || undefined,
    () => JSON.stringify(served.smtpd.events()),
  );
  assertEquals(taken.sort(), [
    `any@Lists.example.org to ${second.port}`,
    `joe@example.org to ${first.port}`,
  ]);
});

Deno.test("account_rate.js puts off the messages of an account that has sent too many", async () => {
  using directory = temporaryDirectory();
  const users = `${directory.path}/users`;
  for (const name of ["ann", "joe"]) await addAccount(users, name);
  await using served = await serveRecipe("account_rate", {
    // A machine that is busy must not take longer than the period.
    changes: {
      "PERIOD = 60_000": "PERIOD = 3_600_000",
      "MOST_ACCOUNTS = 10_000": "MOST_ACCOUNTS = 1",
    },
    flags: ["--users", users, "--auth-without-tls"],
  });
  const openAs = (name: string) => async (port: number) => {
    const dialog = await Dialog.open(port);
    assertEquals((await dialog.say(`AUTH PLAIN ${btoa(`\0${name}\0${PASSWORD}`)}`)).code, 235);
    return dialog;
  };
  const limit = Array.from({ length: 30 }, () => ({ reply: TAKEN }));
  await assertAttempts(served, [...limit, { reply: PUT_OFF }], openAs("ann"));
  await assertAttempts(served, [{ reply: PUT_OFF }], openAs("ann"));
  await assertAttempts(served, [...limit, { reply: TAKEN }]);
  // Another account is counted by itself, and in the place of the first.
  await assertAttempts(served, [{ reply: TAKEN }], openAs("joe"));
  await assertAttempts(served, [{ reply: TAKEN }], openAs("ann"));
});

Deno.test("catch_all.js gives one mailbox the mail for whoever is unknown", async () => {
  await using served = await serveRecipe("catch_all");
  const attempts = [
    ["joe@example.org", "joe"],
    ["Ann@EXAMPLE.org", "ann"],
    ["nobody@example.org", "catchall"],
    ["catchall@example.org", "catchall"],
  ].map(([to, mailbox]) => ({
    ...{ to, message: `Subject: for ${to}\n\nHello\n`, reply: TAKEN },
    delivered: [mailbox, new RegExp(`^Subject: for ${to}\r$`, "m")] as const,
  }));
  await assertAttempts(served, attempts);
});

Deno.test("web_hook.js tells of each message, and loses none where nobody listens", async () => {
  const port = freePort();
  const told: unknown[] = [];
  const options = {
    changes: { "127.0.0.1:8080/": `127.0.0.1:${port}/`, "TIMEOUT = 3_000": "TIMEOUT = 500" },
    settings: { hooksNet: [`127.0.0.1:${port}`] },
  };
  await using served = await serveRecipe("web_hook", options);
  using dialog = await Dialog.open(served.smtpd.port);
  const message = "Subject: hi\nMessage-ID: <1@client.test>\n\nHello\n";
  const isUntold = (text: string) =>
    eventually(
      () => served.smtpd.events("hooks-printed").find((event) => `${event.text}`.includes(text)),
      () => JSON.stringify(served.smtpd.events()),
    );
  assertMatch(await attempt(dialog, { message }), TAKEN);
  await isUntold("is not told: TypeError");
  const answers: (() => Response | Promise<Response>)[] = [
    () => new Response("thanks"),
    () => new Response("no", { status: 500 }),
    () => new Promise<Response>(() => {}),
  ];
  const closing = new AbortController();
  const server = Deno.serve(
    { hostname: "127.0.0.1", port, signal: closing.signal, onListen() {} },
    async (request) => {
      told.push(await request.json());
      return await answers[told.length - 1]();
    },
  );
  try {
    for (const _ of answers) assertMatch(await attempt(dialog, { message }), TAKEN);
    await isUntold("the web hook says 500");
    await isUntold("TimeoutError");
  } finally {
    closing.abort();
    await server.finished;
  }
  assertEquals(told.length, answers.length);
  const { session, ...facts } = told[0] as Record<string, unknown>;
  assertEquals(typeof session, "string");
  assertEquals(facts, {
    client: "127.0.0.1",
    heloName: "client.test",
    from: { localPart: "a", domain: "client.test" },
    to: [{ localPart: "joe", domain: "example.org" }],
    subject: "hi",
    messageId: "<1@client.test>",
  });
});

Deno.test("greylist.js remembers so many who wait, and lets pass who comes again", async () => {
  const changes = { "DELAY = 60_000": "DELAY = 0", "MOST_WAITING = 10_000": "MOST_WAITING = 1" };
  await using served = await serveRecipe("greylist", { changes });
  await assertAttempts(served, [
    { from: "a@client.test", reply: PUT_OFF },
    { from: "b@client.test", reply: PUT_OFF },
    // The first one was forgotten for the second.
    { from: "a@client.test", reply: PUT_OFF },
    { from: "a@client.test", reply: TAKEN },
    { from: "a@CLIENT.test", reply: TAKEN },
    { from: "a@client.test", to: "ann@example.org", reply: PUT_OFF },
    { from: "", reply: PUT_OFF },
    { from: "", reply: TAKEN },
  ]);
});

Deno.test("greylist.js puts off who comes again too early, and takes IPv6 by its network", async () => {
  const changes = { "DELAY = 60_000": "DELAY = 0" };
  await using early = await serveRecipe("greylist");
  await assertAttempts(early, [{ reply: PUT_OFF }, { reply: PUT_OFF }]);
  const flags = ["--proxy-protocol", "127.0.0.0/8"];
  await using served = await serveRecipe("greylist", { changes, flags });
  for (
    const [client, reply] of [
      ["2001:db8::1", PUT_OFF],
      ["2001:db8:0:0:ffff::2", TAKEN],
      ["2001:db8:0:1::1", PUT_OFF],
    ] as const
  ) {
    await assertAttempts(served, [{ reply }], behindProxy(`TCP6 ${client} ::1`));
  }
});

peerTest({
  name: "greylist.js puts off a Postfix, which comes again and delivers",
  needs: [POSTFIX],
  async fn() {
    using directory = temporaryDirectory();
    await using served = await serveRecipe("greylist", {
      changes: { "DELAY = 60_000": "DELAY = 500" },
    });
    await using postfix = await startPostfix(directory.path, "127.0.0.1", {
      relayhost: `[127.0.0.1]:${served.smtpd.port}`,
      ...TRIES_AGAIN_SOON,
    });
    using dialog = await Dialog.open(postfix.port);
    assertMatch(await attempt(dialog, { message: "Subject: again\n\nHello\n" }), TAKEN);
    await served.delivered("joe", /^Subject: again\r$/m);
    assertMatch(postfix.log(), /status=deferred .* said: 451 4\.7\.1 Greylisted/);
  },
});
