/** From Postfix through the queue to Postfix, when things go well and when they do not. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readNotice, type SeenNotice, values } from "../message/dsn_reader.ts";
import { freePort, peerTest } from "../peers.ts";
import { assertOctets, octets } from "./corpus.ts";
import { Dialog, type MailOptions } from "./dialog.ts";
import { startGreylist } from "./greylist.ts";
import { fileNames } from "./mailbox.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import { POSTFIX, type Postfix, startPostfix } from "./postfix.ts";
import { eventually, type Smtpd, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const NEEDS = [POSTFIX, "dnsmasq", "python3"] as const;
const SENDER = "127.0.5.1";
const RECEIVER = "127.0.5.2";
const CONTENT = octets("Subject: by Postfix\r\nFrom: a@sender.test\r\n\r\n.dot\r\nx\r\n");

interface World extends AsyncDisposable {
  /** The Postfix whose clients send, and which takes what comes back to `sender.test`. */
  readonly sender: Postfix;
  readonly smtpd: Smtpd;
  /** The Postfix that takes mail for `postfix.test`. */
  readonly receiver: Postfix;
}

/** Starts a Postfix that sends by our server, and one that our server finds by MX. */
async function startWorld(
  dnsmasq: string,
  { ofSender = {}, ofReceiver = {} }: Partial<
    Record<"ofSender" | "ofReceiver", Record<string, string>>
  > = {},
): Promise<World> {
  await using stack = new AsyncDisposableStack();
  const directory = stack.use(temporaryDirectory()).path;
  const port = freePort();
  const lines = [...mailHost("sender.test", SENDER), ...mailHost("postfix.test", RECEIVER)];
  const dns = stack.use(await startNameServer(dnsmasq, directory, lines));
  const smtpd = stack.use(
    await startSmtpd(
      ...["--dns", dns.address, "--mx-port", `${port}`, "--allow-local-mx", "--retry", "1s"],
    ),
  );
  const [sender, receiver] = await Promise.all([
    startPostfix(directory, SENDER, {
      myhostname: "sender.test",
      virtual_mailbox_domains: "sender.test",
      relayhost: `[127.0.0.1]:${smtpd.port}`,
      ...ofSender,
    }, port),
    startPostfix(directory, RECEIVER, { relayhost: `[${SENDER}]:${port}`, ...ofReceiver }, port),
  ]);
  // Each takes a second or two to stop.
  stack.defer(async () => {
    await Promise.all([sender.stop(), receiver.stop()]);
  });
  const moved = stack.move();
  return { sender, smtpd, receiver, [Symbol.asyncDispose]: () => moved.disposeAsync() };
}

/** Gives the first Postfix a message, and waits until that has left it. */
async function send(
  { sender }: World,
  from: string,
  to: readonly string[],
  options?: MailOptions,
): Promise<void> {
  const { port } = sender;
  using dialog = await Dialog.open(port, SENDER);
  const replies = await dialog.sendMail(from, to, CONTENT, options);
  assertEquals(replies.at(-1)!.code, 250);
  const [, id] = /queued as (\w+)/.exec(replies.at(-1)!.text)!;
  await eventually(() => sender.log().includes(`${id}: removed`) || undefined, sender.log);
}

const latin1 = new TextDecoder("latin1");

/** The messages in the mailbox of a Postfix, each with the recipient that it was for. */
function delivered({ mailbox }: Postfix): { to: string; file: Uint8Array }[] {
  return fileNames(mailbox).map((name) => {
    const file = Deno.readFileSync(`${mailbox}/${name}`);
    const to = /^X-Original-To: (.*)$/m.exec(latin1.decode(file))?.[1];
    assert(to !== undefined);
    return { to, file };
  }).sort((a, b) => a.to < b.to ? -1 : 1);
}

/** Waits until a Postfix has so many messages, and answers whom they are for. */
async function recipientsAt(postfix: Postfix, count: number): Promise<string[]> {
  const all = await eventually(() => {
    const all = delivered(postfix);
    return all.length >= count ? all : undefined;
  }, postfix.log);
  return all.map(({ to }) => to);
}

/** Waits for the one notice that the sender gets, and has it read. */
async function noticeAt(python3: string, { sender }: World): Promise<SeenNotice> {
  await recipientsAt(sender, 1);
  const [{ file }, ...others] = delivered(sender);
  assertEquals(others, []);
  assertMatch(latin1.decode(file), /^Return-Path: <>$/m);
  return await readNotice(python3, file);
}

peerTest({
  name: "mail goes from Postfix through the queue to Postfix, octet for octet",
  needs: NEEDS,
  async fn({ dnsmasq }) {
    await using world = await startWorld(dnsmasq);
    await send(world, "a@sender.test", ["b@postfix.test"]);
    await recipientsAt(world.receiver, 1);
    const [{ file }] = delivered(world.receiver);
    const text = latin1.decode(file);
    assertStringIncludes(text, "by mx.smtpd.test with ESMTP\n");
    assertStringIncludes(text, "Return-Path: <a@sender.test>\n");
    const at = text.indexOf("Subject: ");
    assertOctets(octets(text.slice(at).replaceAll("\n", "\r\n")), CONTENT, "content");
    assertEquals(delivered(world.sender), []);
  },
});

peerTest({
  name: "mail for a Postfix that is down is queued, and delivered when it is up again",
  needs: NEEDS,
  async fn({ dnsmasq }) {
    await using world = await startWorld(dnsmasq);
    const { receiver, smtpd } = world;
    await receiver.stop();
    await send(world, "a@sender.test", ["b@postfix.test", "c@postfix.test"]);
    await smtpd.event("deferred", { to: "b@postfix.test" });
    assertEquals(delivered(receiver), []);
    await receiver.start();
    assertEquals(await recipientsAt(receiver, 2), ["b@postfix.test", "c@postfix.test"]);
    await smtpd.event("delivered", { to: "c@postfix.test" });
    assertEquals(delivered(receiver).length, 2);
    assertEquals(delivered(world.sender), []);
  },
});

peerTest({
  name: "mail that Postfix puts off by its greylist is delivered when it is sent again",
  needs: NEEDS,
  async fn({ dnsmasq }) {
    using greylist = startGreylist();
    await using world = await startWorld(dnsmasq, {
      ofReceiver: {
        smtpd_recipient_restrictions: `check_policy_service inet:127.0.0.1:${greylist.port}`,
      },
    });
    const to = ["b@postfix.test", "c@postfix.test"];
    await send(world, "a@sender.test", to);
    assertEquals(await recipientsAt(world.receiver, 2), to);
    assertEquals(greylist.putOff, to);
    const { reply } = await world.smtpd.event("deferred", { to: "b@postfix.test" });
    assertMatch(`${reply}`, /451 4\.7\.1 .*greylisted, come again/);
    assertEquals(world.smtpd.events("deferred").length, 2);
    assertEquals(delivered(world.sender), []);
  },
});

const REFUSING = {
  smtpd_recipient_restrictions:
    "check_recipient_access inline:{{no@postfix.test = 550 5.1.1 nobody of that name}}, permit_mynetworks, reject",
};

peerTest({
  name: "of three recipients one is refused: two get the message, the sender one notice",
  needs: [...NEEDS, "postcat"],
  async fn({ dnsmasq, python3 }) {
    await using world = await startWorld(dnsmasq, {
      ofReceiver: REFUSING,
      ofSender: {
        // It refuses what is not MIME to the letter, says which parts it sees, and keeps the notice.
        strict_mime_encoding_domain: "yes",
        strict_8bitmime: "yes",
        mime_header_checks: "regexp:{{/^Content-Type:/ INFO}}",
        smtpd_sender_restrictions: "check_sender_access inline:{{<> = HOLD for the test}}",
      },
    });
    const { sender, receiver, smtpd } = world;
    const to = ["b@postfix.test", "no@postfix.test", "c@postfix.test"];
    await send(world, "a@sender.test", to);
    assertEquals(await recipientsAt(receiver, 2), ["b@postfix.test", "c@postfix.test"]);
    await smtpd.event("failed", { to: "no@postfix.test" });
    await smtpd.event("delivered", { to: "a@sender.test" });
    const [held, ...others] = (await sender.run("postqueue", "-j")).trim().split("\n");
    assertEquals(others, []);
    const { queue_name, queue_id, recipients } = JSON.parse(held);
    assertEquals([queue_name, recipients[0].address], ["hold", "a@sender.test"]);
    const seenTypes = sender.log().matchAll(/info: header Content-Type: (\S+?);? /g);
    assertEquals([...seenTypes].map(([, type]) => type).slice(-3), [
      "text/plain",
      "message/delivery-status",
      "text/rfc822-headers",
    ]);
    assertMatch(await sender.run("postcat", "-qe", queue_id), /^sender: $/m);
    const content = await sender.run("postcat", "-qhb", queue_id);
    const notice = await readNotice(python3, new TextEncoder().encode(content));
    assertEquals(notice.defects, []);
    assertEquals([notice.type, notice.report], ["multipart/report", "delivery-status"]);
    assertEquals(notice.to, ["a@sender.test"]);
    assertEquals(values(notice, "Final-Recipient"), ["rfc822; no@postfix.test"]);
    assertEquals(values(notice, "Action"), ["failed"]);
    assertEquals(values(notice, "Status"), ["5.1.1"]);
    assertMatch(values(notice, "Diagnostic-Code")[0]!, /^smtp; 550 5\.1\.1 .*nobody of that name/);
    assertMatch(notice.text, /Recipient address rejected: nobody of\s+that name/);
    assertMatch(notice.returned, /^Subject: by Postfix$/m);
  },
});

peerTest({
  name: "a message with the null reverse-path that Postfix refuses comes to nothing",
  needs: NEEDS,
  async fn({ dnsmasq }) {
    await using world = await startWorld(dnsmasq, { ofReceiver: REFUSING });
    await send(world, "", ["no@postfix.test"]);
    await world.smtpd.event("failed", { to: "no@postfix.test" });
    // Another message, whose notice would come behind that of the first.
    await send(world, "a@sender.test", ["no@postfix.test"]);
    assertEquals(await recipientsAt(world.sender, 1), ["a@sender.test"]);
    assertEquals(world.smtpd.events("failed").length, 2);
    await world.smtpd.event("delivered", { to: "a@sender.test" });
    assertEquals(world.smtpd.events("delivered").length, 1);
  },
});

const WITH_NOTICES: MailOptions = {
  parameters: ["RET=FULL", "ENVID=QQ+2B314159"],
  rcptParameters: ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;first+2Bone@sender.test"],
};

peerTest({
  name: "what a client asks of notices comes from Postfix through the queue to Postfix",
  needs: NEEDS,
  async fn({ dnsmasq, python3 }) {
    await using world = await startWorld(dnsmasq);
    await send(world, "a@sender.test", ["b@postfix.test"], WITH_NOTICES);
    // The last server tells of the delivery, and it alone.
    const notice = await noticeAt(python3, world);
    const about = new Map(notice.blocks[0]);
    assertEquals(about.get("Reporting-MTA"), "dns; postfix.test");
    assertEquals(about.get("Original-Envelope-Id"), "QQ+314159");
    assertEquals(values(notice, "Original-Recipient"), ["rfc822;first+one@sender.test"]);
    assertEquals(values(notice, "Action"), ["delivered"]);
  },
});

peerTest({
  name: "the sender who asks for success hears from us where Postfix takes no such request",
  needs: NEEDS,
  async fn({ dnsmasq, python3 }) {
    await using world = await startWorld(dnsmasq, {
      ofReceiver: { smtpd_discard_ehlo_keywords: "dsn" },
    });
    await send(world, "a@sender.test", ["b@postfix.test"], WITH_NOTICES);
    const notice = await noticeAt(python3, world);
    const about = new Map(notice.blocks[0]);
    assertEquals(about.get("Reporting-MTA"), "dns; mx.smtpd.test");
    assertEquals(about.get("Original-Envelope-Id"), "QQ+314159");
    assertEquals(values(notice, "Original-Recipient"), ["rfc822; first+one@sender.test"]);
    assertEquals(values(notice, "Action"), ["relayed"]);
    assertEquals(notice.defects, []);
    assertEquals(delivered(world.receiver).length, 1);
  },
});
