/** The published clients of Mailpit, as they are, against a server that runs. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { freePort, peerTest } from "../peers.ts";
import { Hops } from "./hops.ts";
import { mailHost, startNameServer } from "./name_server.ts";
import { eventually, runProgram, startSmtpd, temporaryDirectory } from "./smtpd.ts";

const scripts = new URL("scripts/", import.meta.url).pathname;

/** A call, as a client has it, and what must come of it: a value, or an error that says so. */
interface Row {
  readonly call: readonly [name: string, ...args: unknown[]];
  readonly value?: (value: Answered) => void;
  readonly error?: RegExp;
}

// deno-lint-ignore no-explicit-any -- whatever the clients make of it
type Answered = any;

/** A server with two messages of nodemailer in its inbox, and one client. */
async function startInbox(modules: string, script: string, ...flags: string[]) {
  const smtpd = await startSmtpd("--route", "hold", "--ui", "0", ...flags);
  const { url } = await smtpd.event("listening", { service: "http" });
  // Clients are told it without the slash at its end.
  const base = `${url}`.replace(/\/$/, "");
  const env = { NODE_PATH: modules };
  const sent = await runProgram("node", [`${scripts}mailpit_mail.cjs`, `${smtpd.port}`], { env });
  assertEquals(sent.code, 0, sent.text);

  /** Makes calls in order, and looks at what came of each. */
  async function make(t: Deno.TestContext, rows: readonly Row[]): Promise<void> {
    const input = new TextEncoder().encode(JSON.stringify(rows.map(({ call }) => call)));
    const { code, text } = await runProgram("node", [scripts + script, base], { env, input });
    assertEquals(code, 0, text);
    const answers = JSON.parse(text);
    for (const [i, row] of rows.entries()) {
      await t.step(row.call.map((part) => JSON.stringify(part)).join(" ").slice(0, 90), () => {
        const { value, error } = answers[i];
        assertMatch(error ?? "", row.error ?? /^$/);
        row.value?.(value);
      });
    }
  }

  const { messages } = await (await fetch(`${base}/api/messages`)).json();
  const [welcome, bill] = messages.map(({ id }: { id: string }) => id);
  return { smtpd, make, welcome: String(welcome), bill: String(bill) };
}

const PDF = btoa("%PDF-1.4\n%\xff\n");

/** The subjects of a list. */
function subjectsOf({ messages }: Answered): string[] {
  return messages.map(({ Subject: subject }: Answered) => subject);
}

const BILL = "Ihre Rechnung über 20 €";
const WELCOME = "Welcome aboard, Ann";

/** A row for a list that has these subjects, and counts as many. */
function finds(call: Row["call"], ...subjects: string[]): Row {
  return {
    call,
    value(list) {
      assertEquals(subjectsOf(list), subjects);
      assertEquals(list.messages_count, subjects.length);
    },
  };
}

function answers(call: Row["call"], value: unknown): Row {
  return { call, value: (answered) => assertEquals(answered, value) };
}

function checkItem(item: Answered): void {
  const { ID: _id, Created: created, Size: size, ...said } = item;
  assertMatch(created, /^20\d\d-.*Z$/);
  assert(size > 1000);
  assertEquals(said, {
    MessageID: "rechnung-1@client.test",
    From: { Name: "Müller & Söhne", Address: "shop@client.test" },
    To: [{ Name: "Jörg Österreich", Address: "joerg@inbox.test" }],
    Cc: [
      { Name: "", Address: "buchhaltung@inbox.test" },
      { Name: "Zweite", Address: "second@inbox.test" },
    ],
    Bcc: [{ Name: "", Address: "secret@inbox.test" }],
    ReplyTo: [{ Name: "Hilfe", Address: "help@client.test" }],
    Subject: BILL,
    Username: "",
    Tags: [],
    Read: false,
    Attachments: 1,
    Snippet: "Grüße, die Rechnung liegt bei.",
  });
}

function checkMessage(message: Answered): void {
  assertEquals([message.Subject, message.ReturnPath], [BILL, "shop@client.test"]);
  assertEquals(message.From, { Name: "Müller & Söhne", Address: "shop@client.test" });
  assertEquals(message.Text.trim(), "Grüße, die Rechnung liegt bei.");
  assertStringIncludes(message.HTML, "cid:logo@client.test");
  const [pdf] = message.Attachments;
  assertEquals([pdf.FileName, pdf.ContentType, pdf.Size], [
    "Rechnung für Jörg.pdf",
    "application/pdf",
    12,
  ]);
  const [logo] = message.Inline;
  assertEquals([logo.ContentID, logo.ContentType, logo.Size], ["logo@client.test", "image/png", 8]);
  assertEquals(message.ListUnsubscribe.Links, ["https://client.test/off?u=1"]);
}

peerTest({
  name: "mailpit-api finds, reads, marks, releases and deletes messages",
  needs: ["npm:mailpit-api", "npm:nodemailer", "dnsmasq"],
  async fn({ "npm:mailpit-api": modules, dnsmasq }, t) {
    using directory = temporaryDirectory();
    const records = mailHost("released.test", "127.0.12.1");
    await using dns = await startNameServer(dnsmasq, directory.path, records);
    const port = freePort();
    using hops = new Hops(port, { "127.0.12.1": {} });
    const flags = ["--dns", dns.address, "--mx-port", `${port}`, "--allow-local-mx"];
    const world = await startInbox(modules, "mailpit_api.cjs", ...flags);
    await using _ = world.smtpd;
    const { bill, welcome } = world;
    const now = new Date();
    const [today, tomorrow] = [now, new Date(now.getTime() + 2 * 86_400_000)]
      .map((date) => date.toISOString().slice(0, 10));

    await world.make(t, [
      {
        call: ["getInfo"],
        value: ({ Messages: all, Unread: unread, Tags: tags }) =>
          assertEquals([all, unread, tags], [2, 2, {}]),
      },
      {
        call: ["getConfiguration"],
        value: ({ MessageRelay: { Enabled: isEnabled } }) => assertEquals(isEnabled, true),
      },
      answers(["getTags"], []),
      {
        call: ["listMessages"],
        value(list) {
          assertEquals(subjectsOf(list), [WELCOME, BILL]);
          const { messages: _, ...counts } = list;
          assertEquals(counts, {
            total: 2,
            unread: 2,
            messages_count: 2,
            messages_unread: 2,
            count: 2,
            start: 0,
            tags: [],
          });
          checkItem(list.messages[1]);
        },
      },
      {
        call: ["listMessages", 1, 1],
        value: (list) => assertEquals([subjectsOf(list), list.start], [[BILL], 1]),
      },
      finds(["searchMessages", { query: "to:joerg@inbox.test" }], BILL),
      finds(["searchMessages", { query: "from:client.test" }], WELCOME, BILL),
      finds(["searchMessages", { query: 'subject:"rechnung ÜBER" has:attachment' }], BILL),
      finds(["searchMessages", { query: "subject:Welcome code" }], WELCOME),
      finds(["searchMessages", { query: "482913 -subject:welcome" }]),
      finds(["searchMessages", { query: `after:${today} is:unread`, tz: "UTC" }], WELCOME, BILL),
      finds(["searchMessages", { query: `after:${tomorrow}`, tz: "America/Chicago" }]),
      {
        call: ["searchMessages", { query: "tag:x" }],
        error: /400 Bad Request .*Cannot look for "tag:x"/,
      },
      {
        call: ["searchMessages", { query: "inbox.test", start: 1, limit: 1 }],
        value: (list) => assertEquals([subjectsOf(list), list.messages_count], [[BILL], 2]),
      },
      {
        call: ["waitForMessage", { query: "subject:Rechnung" }],
        value: checkMessage,
      },
      finds(["waitForMessages", { query: "is:read", count: 1, exact: true }], BILL),
      finds(["waitForMessages", { count: 2 }], WELCOME, BILL),
      { call: ["getMessageSummary", bill], value: checkMessage },
      {
        call: ["getMessageSummary"],
        value: ({ ID: id, Subject: subject }) => assertEquals([id, subject], [welcome, WELCOME]),
      },
      { call: ["getMessageSummary", "0000000000000000"], error: /404 .*There is no message 0/ },
      {
        call: ["getMessageHeaders", bill],
        value: (headers) =>
          assertEquals([headers["X-Run"], headers["Message-Id"]], [
            ["42"],
            ["<rechnung-1@client.test>"],
          ]),
      },
      answers(["getMessageAttachment", bill, "1"], { type: "application/pdf", base64: PDF }),
      answers(["getMessageAttachment", bill, "0"], { type: "image/png", base64: "iVBORw0KGgo=" }),
      { call: ["getMessageAttachment", bill, "2"], error: /404 .*no part 2/ },
      {
        call: ["getMessageSource", bill],
        value: (source) => assertStringIncludes(source, "X-Run: 42\r\n"),
      },
      {
        call: ["renderMessageHTML", bill],
        value: (html) => assertStringIncludes(html, `<img src="/api/v1/message/${bill}/part/0">`),
      },
      { call: ["renderMessageHTML"], error: /404 .*has no HTML/ },
      {
        call: ["renderMessageText"],
        value: (text) => assertEquals(text.trim(), "Your code is 482913."),
      },
      // What we do not claim is not there.
      { call: ["htmlCheck"], error: /404/ },
      { call: ["sendMessage", {}], error: /404/ },
      answers(["setReadStatus"], "ok"),
      finds(["searchMessages", { query: "is:unread" }], WELCOME, BILL),
      answers(["setReadStatus", { IDs: [bill], Read: true }], "ok"),
      finds(["searchMessages", { query: "is:read" }], BILL),
      answers(["setReadStatus", { Search: "subject:Welcome", Read: true }, { tz: "UTC" }], "ok"),
      finds(["searchMessages", { query: "is:unread" }]),
      answers(["releaseMessage", bill, { To: ["ann@released.test"] }], "ok"),
      { call: ["releaseMessage", bill, { To: ["nobody"] }], error: /400 .*"nobody"/ },
    ]);
    const { messages: [released] } = await eventually(() => {
      const seen = hops.seen("127.0.12.1");
      return seen.messages.length > 0 ? seen : undefined;
    });
    assertStringIncludes(released, "X-Run: 42");

    await world.make(t, [
      answers(["deleteMessagesBySearch", { query: "subject:Rechnung" }], "ok"),
      finds(["listMessages"], WELCOME),
      answers(["deleteMessages", { IDs: [bill] }], "ok"),
      finds(["listMessages"], WELCOME),
      answers(["deleteMessages", { IDs: [welcome] }], "ok"),
      finds(["waitForMessages", { count: 0 }]),
      { call: ["getMessageSummary"], error: /404 .*There is no message yet/ },
      answers(["deleteMessages"], "ok"),
    ]);
  },
});

peerTest({
  name: "cypress-mailpit finds, reads, marks and deletes messages",
  needs: ["npm:cypress-mailpit", "npm:nodemailer"],
  async fn({ "npm:cypress-mailpit": modules }, t) {
    const world = await startInbox(modules, "mailpit_cypress.cjs");
    await using _ = world.smtpd;
    const { bill, welcome } = world;
    const soon = { timeout: 3000, interval: 50 };
    const message = {
      ID: bill,
      Subject: BILL,
      From: { Address: "shop@client.test" },
      To: [{ Address: "joerg@inbox.test" }],
      Attachments: [{ FileName: "Rechnung für Jörg.pdf" }],
    };
    await world.make(t, [
      {
        call: ["mailpitGetAllMails"],
        value(list) {
          assertEquals(subjectsOf(list), [WELCOME, BILL]);
          checkItem(list.messages[1]);
        },
      },
      {
        call: ["mailpitGetAllMails", 1, 1],
        value: (list) => assertEquals(subjectsOf(list), [BILL]),
      },
      finds(["mailpitSearchEmails", "from:shop"], BILL),
      finds(["mailpitGetEmailsBySubject", "Welcome aboard, Ann"], WELCOME),
      finds(["mailpitGetEmailsByTo", "second@inbox.test"], BILL),
      finds(["mailpitHasEmailsBySearch", "has:attachment", 0, 50, soon], BILL),
      finds(["mailpitNotHasEmailsBySearch", "is:read", 0, 50, soon]),
      finds(["mailpitHasEmailsBySubject", "Rechnung über", 0, 50, soon], BILL),
      finds(["mailpitNotHasEmailsBySubject", "Mahnung", 0, 50, soon]),
      finds(["mailpitHasEmailsByTo", "ann@inbox.test", 0, 50, soon], WELCOME),
      finds(["mailpitNotHasEmailsByTo", "bob@inbox.test", 0, 50, soon]),
      { call: ["mailpitGetMail", bill], value: checkMessage },
      {
        call: ["mailpitGetMail"],
        value: ({ Subject: subject }) => assertEquals(subject, WELCOME),
      },
      answers(["mailpitGetSubject", message], BILL),
      answers(["mailpitGetFromAddress", message], "shop@client.test"),
      answers(["mailpitGetRecipientAddress", message], ["joerg@inbox.test"]),
      answers(["mailpitGetAttachments", message], ["Rechnung für Jörg.pdf"]),
      {
        call: ["mailpitGetMailHTMlBody", message],
        value: (html) => assertStringIncludes(html, "<p>Grüße <img"),
      },
      {
        call: ["mailpitGetMailTextBody", message],
        value: (text) => assertStringIncludes(text, "Grüße, die Rechnung liegt bei."),
      },
      answers(["mailpitSetAllEmailStatusAsUnRead"], "ok"),
      finds(["mailpitSearchEmails", "is:unread"], WELCOME, BILL),
      answers(["mailpitSetStatusAsRead", message], "ok"),
      finds(["mailpitSearchEmails", "is:read"], BILL),
      answers(["mailpitSetStatusAsUnRead", [message]], "ok"),
      finds(["mailpitSearchEmails", "is:read"]),
      answers(["mailpitSetAllEmailStatusAsRead"], "ok"),
      finds(["mailpitSearchEmails", "is:unread"]),
      // What we do not claim is not there.
      { call: ["mailpitSendMail"], error: /^404: / },
      { call: ["mailpitGetMailSpamAssassinSummary", message], error: /^404: / },
      answers(["mailpitDeleteEmailsBySearch", "to:joerg@inbox.test"], "ok"),
      {
        call: ["mailpitGetAllMails"],
        value: ({ messages }) =>
          assertEquals(messages.map(({ ID: id }: Answered) => id), [welcome]),
      },
      answers(["mailpitDeleteAllEmails"], "ok"),
      finds(["mailpitGetAllMails"]),
    ]);
  },
});
