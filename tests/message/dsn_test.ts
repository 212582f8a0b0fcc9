import { assert, assertEquals, assertMatch, assertRejects } from "@std/assert";
import type { StatusNoticeOptions } from "../../lib/message/dsn.ts";
import type { ReportedRecipient } from "../../lib/message/dsn_facts.ts";
import { parseHeader } from "../../lib/message/header.ts";
import type { MailParameters } from "../../lib/smtp/envelope.ts";
import { MailDataEncoder } from "../../lib/smtp/mail_data_encoder.ts";
import { octets, text } from "../smtp/wire.ts";
import {
  FAILED,
  GOLDEN,
  LATE,
  make,
  MESSAGE,
  message,
  ORIGINAL,
  random,
  reader,
  withMail,
} from "./dsn_notices.ts";

const HEADER = MESSAGE.slice(0, MESSAGE.indexOf("\r\n\r\n") + 2);
const FULL = withMail({ ret: "full" });

/** A notice taken apart, after it was seen that nothing of it is out of its place. */
function takeApart(bytes: Uint8Array) {
  const encoder = new MailDataEncoder();
  encoder.encode(bytes);
  encoder.end();
  const all = text(bytes);
  assert(all.endsWith("--\r\n"));
  for (const line of all.split("\r\n")) assert(line.length <= 998, `a line of ${line.length}`);
  const boundary = all.match(/\r\n\tboundary="(=_[0-9a-f]{32})"\r\n/)?.[1] ?? "";
  const [head, ...parts] = all.split(`\r\n--${boundary}`);
  assertEquals(parts.pop(), "--\r\n");
  const [headerSection] = head.split("\r\n\r\n");
  return {
    all,
    boundary,
    fields: parseHeader(octets(headerSection)),
    parts: parts.map((part) => {
      const match = part.match(
        /^\r\nContent-Type: ([^\r]+)\r\nContent-Transfer-Encoding: ([^\r]+)\r\n\r\n([^]*)$/,
      );
      assert(match !== null, part.slice(0, 200));
      return { type: match[1], encoding: match[2], content: match[3] };
    }),
  };
}

Deno.test("notices are what they were", async (t) => {
  for (const [name, options] of GOLDEN) {
    await t.step(name, async () => {
      const { octets } = await make(options);
      takeApart(octets);
      const golden = await Deno.readTextFile(new URL(`dsn/${name}.txt`, import.meta.url));
      assertEquals(new TextDecoder().decode(octets).replaceAll("\r\n", "\n"), golden);
    });
  }
});

Deno.test("a notice goes from the null reverse-path to the sender", async () => {
  const { mail, forwardPath } = await make();
  assertEquals(mail, { reversePath: null, smtpUtf8: false });
  assertEquals(forwardPath, ORIGINAL.mail.reversePath);
});

Deno.test("a notice asks for 8BITMIME and SMTPUTF8 only where it needs them", async () => {
  const table: [name: string, options: Partial<StatusNoticeOptions>, body?: string, utf8?: true][] =
    [
      ["ASCII", { message: FULL }],
      ["an 8-bit body that does not go back", { read: reader(message(`${HEADER}\r\n\xff`)) }],
      ["an 8-bit header", { read: reader(message("Subject: \xe4\r\n\r\n")) }],
      [
        "an 8-bit body that goes back",
        { message: FULL, read: reader(message(`${HEADER}\r\n\xff`)) },
        "8BITMIME",
      ],
    ];
  for (const [name, options, body, utf8 = false] of table) {
    const { mail, octets } = await make(options);
    assertEquals(
      mail,
      { reversePath: null, ...(body ? { body } : {}), smtpUtf8: utf8 },
      name,
    );
    assertEquals(octets.some((octet) => octet > 127), body !== undefined, name);
  }
  const { mail } = await make(GOLDEN.get("utf8"));
  assertEquals(mail, { reversePath: null, body: "8BITMIME", smtpUtf8: true });
});

Deno.test("a notice of a message with REQUIRETLS has it too, and never the message", async () => {
  const asked = await make({ message: withMail({ ret: "full", requireTls: true }) });
  assertEquals((asked.mail as MailParameters).requireTls, true);
  const plain = await make({ message: withMail({ ret: "headers" }) });
  assertEquals((plain.mail as MailParameters).requireTls, undefined);
  assertEquals(asked.octets, plain.octets);
});

Deno.test("an SMTPUTF8 message without any UTF-8 gets a notice in ASCII", async () => {
  const { mail, octets } = await make({
    message: withMail({ smtpUtf8: true }),
  });
  assertEquals(mail, { reversePath: null, smtpUtf8: false });
  assertEquals(takeApart(octets).parts.map(({ type }) => type), [
    "text/plain; charset=us-ascii",
    "message/delivery-status",
    "text/rfc822-headers",
  ]);
});

const RETURNED: [
  name: string,
  options: Partial<StatusNoticeOptions>,
  part: [type: string, encoding: string, content?: string] | undefined,
][] = [
  ["by default the header", {}, ["text/rfc822-headers", "7bit", HEADER]],
  [
    "for RET=HDRS the header",
    { message: withMail({ ret: "headers" }) },
    ["text/rfc822-headers", "7bit", HEADER],
  ],
  ["for RET=FULL the message", { message: FULL }, ["message/rfc822", "7bit", MESSAGE]],
  [
    "of a delayed message the header",
    { message: FULL, recipients: [LATE] },
    ["text/rfc822-headers", "7bit", HEADER],
  ],
  [
    "of a message that failed for one and is late for another the message",
    { message: FULL, recipients: [LATE, FAILED] },
    ["message/rfc822", "7bit", MESSAGE],
  ],
  [
    "of a message at the limit the message",
    { message: FULL, maxReturned: MESSAGE.length },
    ["message/rfc822", "7bit", MESSAGE],
  ],
  [
    "of a message over the limit the header",
    { message: FULL, maxReturned: MESSAGE.length - 1 },
    ["text/rfc822-headers", "7bit", HEADER],
  ],
  ...[
    ["a bare LF", "a\nb"],
    ["a bare CR", "a\rb"],
    ["a CR at its end", "a\r"],
    ["a NUL", "a\0b"],
    ["a line of 999 octets", "a".repeat(999)],
  ].map(([name, body]): typeof RETURNED[number] => [
    `of a message with ${name} the header`,
    { message: FULL, read: reader(octets(`${HEADER}\r\n${body}`)) },
    ["text/rfc822-headers", "7bit", HEADER],
  ]),
  [
    "of a message with a line of 998 octets and no CR LF at its end the message",
    { message: FULL, read: reader(octets(`${HEADER}\r\n${"a".repeat(998)}`)) },
    ["message/rfc822", "7bit", `${HEADER}\r\n${"a".repeat(998)}`],
  ],
  ["of an empty message nothing", { message: FULL, read: reader(octets("")) }, undefined],
  [
    "of a message that is only a body nothing",
    { read: reader(octets("Just words.\r\n")) },
    undefined,
  ],
  ["of an empty header nothing", { read: reader(octets("\r\nbody\r\n")) }, undefined],
  [
    "a header that is cut off",
    { read: reader(octets("Subject: a")) },
    ["text/rfc822-headers", "7bit", "Subject: a"],
  ],
  [
    "an 8-bit header in quoted-printable",
    { read: reader(octets("Subject: K\xe4se =\r\nFrom: a \r\n\r\n")) },
    ["text/rfc822-headers", "quoted-printable", "Subject: K=E4se =3D\r\nFrom: a=20\r\n"],
  ],
  [
    "a header with control characters in quoted-printable",
    { read: reader(octets("Subject: \x1b[2J\0\x7f\r\n\r\n")) },
    ["text/rfc822-headers", "quoted-printable", "Subject: =1B[2J=00=7F\r\n"],
  ],
  [
    "a header with a long line in quoted-printable",
    { read: reader(octets(`X: ${"a".repeat(1000)}\r\n\r\n`)) },
    ["text/rfc822-headers", "quoted-printable"],
  ],
  [
    "a header in UTF-8 of an SMTPUTF8 message as it is",
    {
      message: withMail({ smtpUtf8: true }),
      read: reader(octets("Subject: K\xc3\xa4se\r\n\r\n")),
    },
    ["message/global-headers", "8bit", "Subject: K\xc3\xa4se\r\n"],
  ],
  [
    "a header of an SMTPUTF8 message that is not UTF-8 in quoted-printable",
    {
      message: withMail({ smtpUtf8: true }),
      read: reader(octets("Subject: K\xe4se\r\n\r\n")),
    },
    ["text/rfc822-headers", "quoted-printable", "Subject: K=E4se\r\n"],
  ],
  [
    "an SMTPUTF8 message with UTF-8 in its header as message/global",
    {
      message: withMail({ ret: "full", smtpUtf8: true }),
      read: reader(octets("Subject: K\xc3\xa4se\r\n\r\na")),
    },
    ["message/global", "8bit", "Subject: K\xc3\xa4se\r\n\r\na"],
  ],
];

for (const [name, options, part] of RETURNED) {
  Deno.test(`what is returned: ${name}`, async () => {
    const { parts } = takeApart((await make(options)).octets);
    assertEquals(parts.length, part === undefined ? 2 : 3);
    if (part === undefined) return;
    const [type, encoding, content = parts[2].content] = part;
    assertEquals(parts[2], { type, encoding, content });
  });
}

Deno.test("a large header section is returned up to the last field that fits", async () => {
  const field = `X-Filler: ${"a".repeat(60)}\r\n\t${"b".repeat(60)}\r\n`;
  for (const padding of [0, 40, 80]) {
    const first = `X: ${"c".repeat(padding)}\r\n`;
    const read = reader(octets(first + field.repeat(1000)));
    const { content } = takeApart((await make({ read })).octets).parts[2];
    assert(content.length <= 64 * 1024 && content.length > 63 * 1024);
    assertEquals(content.replaceAll(field, ""), first);
  }
});

Deno.test("only as much of a message is read as is needed", async () => {
  let slices = 0;
  const endless = async function* () {
    yield octets(`${HEADER}\r\n`);
    for (;; slices++) {
      yield octets("a line\r\n".repeat(1000));
      await Promise.resolve();
    }
  };
  takeApart((await make({ read: endless })).octets);
  assert(slices <= 1);
  // 1 MiB, and not a slice more.
  takeApart((await make({ message: FULL, read: endless })).octets);
  assert(slices > 100 && slices < 140, String(slices));
});

Deno.test("a boundary that stands in what is quoted is not used", async (t) => {
  const { boundary } = takeApart((await make()).octets);
  const said = { ...FAILED, reply: { ...FAILED.reply, lines: [`x--${boundary}--`] } };
  const table: [string, Partial<StatusNoticeOptions>][] = [
    ["the reply", { recipients: [said] }],
    ["the header", { read: reader(octets(`X: ${boundary}\r\n\r\n`)) }],
    ["the message", {
      message: FULL,
      read: reader(octets(`${MESSAGE}\r\n--${boundary}--\r\n`)),
    }],
  ];
  for (const [name, options] of table) {
    await t.step(name, async () => {
      for (const size of [1, 7, 1000]) {
        const read = options.read === undefined ? undefined : sliced(options.read, size);
        const notice = takeApart((await make({ ...options, ...(read && { read }) })).octets);
        assert(notice.boundary !== boundary);
        assert(notice.all.includes(boundary));
        assertEquals(notice.parts.length, 3);
      }
    });
  }
  await t.step("unless there is no other", async () => {
    const constant: StatusNoticeOptions["random"] = (bytes) => random()(bytes);
    await assertRejects(
      () => make({ recipients: [said], random: constant }),
      Error,
      "Cannot find a boundary",
    );
  });
});

/** The same message in slices of another size. */
function sliced(read: StatusNoticeOptions["read"], size: number): StatusNoticeOptions["read"] {
  return async function* () {
    for await (const slice of read()) {
      for (let at = 0; at < slice.length; at += size) yield slice.slice(at, at + size);
    }
  };
}

const EVIL: [name: string, text: string][] = [
  ["a header field", "a\r\nX-Evil: yes\r\n\r\nbody"],
  ["bare line breaks", "a\nX-Evil: yes\n\rb\r"],
  ["the end of mail data", "\r\n.\r\n"],
  ["folding", "\r\n \r\n\t"],
  ["control characters", "\0\x01\x07\b\x1b[2J\x7f\x85\x9b"],
  ["characters that are not seen", "\u202e\u2066\ufeff\u00ad\u2028\u2029\u{e0001}"],
  ["halves of surrogate pairs", "\ud83d \udcee"],
  ["characters of every plane", "é宋📮\u{10fffd}\uffff"],
  ["syntax", '",;:<>@(()\\[]=?utf-8?q?=0D=0A?='],
  ["a delimiter", "\r\n--=_\r\n--"],
  ["nothing", ""],
  ["white space", " \t "],
  ["a long word", "x".repeat(16_384)],
  ["many words", "x ".repeat(8_192)],
  ["much white space", " ".repeat(16_384)],
  ["many characters that are not ASCII", "ü".repeat(16_384)],
  ["many characters outside the basic plane", "📮".repeat(8_192)],
  ["many NULs", "\0".repeat(16_384)],
  ["many lines", "a\r\n".repeat(5_000)],
];

/** Where each of them is put. */
const PLACES: [
  place: string,
  change: (evil: string, recipient: ReportedRecipient) => Partial<StatusNoticeOptions>,
][] = [
  [
    "the reply",
    (evil, recipient) => ({
      recipients: [{ ...recipient, reply: { code: 550, enhanced: "5.1.1", lines: [evil, evil] } }],
    }),
  ],
  [
    "the enhanced status code",
    (evil, recipient) => ({
      recipients: [{ ...recipient, reply: { code: 550, enhanced: evil, lines: ["a"] } }],
    }),
  ],
  [
    "the remote",
    (evil, recipient) => ({
      recipients: [{ ...recipient, remote: { host: evil, address: evil } }],
    }),
  ],
  ["an xtext ORCPT", (evil, r) => ({ recipients: [{ ...r, orcpt: `rfc822;${encoded(evil)}` }] })],
  ["an ORCPT in UTF-8", (evil, r) => ({ recipients: [{ ...r, orcpt: `utf-8;${evil}` }] })],
  ["an ORCPT", (evil, r) => ({ recipients: [{ ...r, orcpt: evil }] })],
  [
    "the local part",
    (evil, r) => ({ recipients: [{ ...r, mailbox: { localPart: evil, domain: "a.example" } }] }),
  ],
  [
    "the domain",
    (evil, r) => ({ recipients: [{ ...r, mailbox: { localPart: "a", domain: evil } }] }),
  ],
  ["the envelope identifier", (evil) => ({ message: withMail({ envid: evil }) })],
  ["an xtext envelope identifier", (evil) => ({ message: withMail({ envid: encoded(evil) }) })],
  [
    "the name of the client",
    (evil) => ({ message: { ...ORIGINAL, origin: { client: evil, heloName: evil } } }),
  ],
  [
    "the reverse-path",
    (evil) => ({
      message: {
        ...ORIGINAL,
        mail: { reversePath: { localPart: evil, domain: evil }, smtpUtf8: false },
      },
    }),
  ],
  ["our own name", (evil) => ({ hostname: evil })],
  [
    "the Subject and the Message-ID",
    (evil) => ({
      read: reader(
        new TextEncoder().encode(`Subject: ${evil}\r\nMessage-ID: <${evil}@a>\r\n\r\n`),
        999,
      ),
    }),
  ],
];

/** What a client can send as xtext. */
function encoded(text: string): string {
  return Array.from(
    new TextEncoder().encode(text),
    (octet) => `+${octet.toString(16).toUpperCase().padStart(2, "0")}`,
  ).join("").slice(0, 480);
}

const FIELDS = "From To Subject Date Message-ID Auto-Submitted MIME-Version Content-Type";
const REPORT_FIELD = new RegExp(
  "^(?:Original-Envelope-Id|Reporting-MTA|Received-From-MTA|Arrival-Date|Original-Recipient|" +
    "Final-Recipient|Action|Status|Remote-MTA|Diagnostic-Code|Last-Attempt-Date|" +
    "Will-Retry-Until): \\S|^ {4}\\S",
);
const OPTIONAL = ["In-Reply-To", "References", "Content-Transfer-Encoding"];

Deno.test("nothing that strangers say gets out of its place", async (t) => {
  for (const [place, change] of PLACES) {
    for (const [name, evil] of EVIL) {
      await t.step(`${name} in ${place}`, async () => {
        for (const recipient of [FAILED, LATE]) {
          for (const smtpUtf8 of [false, true]) {
            const changes = change(evil, recipient);
            const given = changes.message ?? ORIGINAL;
            const { octets } = await make({
              ...changes,
              message: { ...given, mail: { ...given.mail, smtpUtf8 } },
            });
            // A header section that goes back is as large as it was, or three times that.
            checkSound(octets, changes.read === undefined ? 32 * 1024 : 192 * 1024);
          }
        }
      });
    }
  }
});

function checkSound(octets: Uint8Array, limit: number): void {
  assert(octets.length < limit, String(octets.length));
  const { fields, parts } = takeApart(octets);
  const names = fields.map(({ name }) => name).filter((name) => !OPTIONAL.includes(name));
  assertEquals(names.join(" "), FIELDS);
  const decoded = new TextDecoder("utf-8", { fatal: true }).decode(octets);
  assert(!/[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u2028\u2029]/.test(decoded));
  const [words, report] = parts;
  assertEquals(parts.length, 3);
  assertMatch(words.type, /^text\/plain; charset=(us-ascii|utf-8)$/);
  assertMatch(report.type, /^message\/(global-)?delivery-status$/);
  const blocks = report.content.replace(/\r\n$/, "").split("\r\n\r\n");
  assertEquals(blocks.length, 2);
  for (const line of blocks.flatMap((block) => block.split("\r\n"))) {
    assertMatch(line, REPORT_FIELD);
  }
  for (const field of ["Final-Recipient: ", "Action: ", "Status: "]) {
    assertEquals(blocks[1].split(field).length, 2, field);
  }
  assertMatch(report.content, /\r\nStatus: [245]\.\d{1,3}\.\d{1,3}\r\n/);
}

Deno.test("a notice about a thousand recipients with long replies is bounded", async () => {
  const recipients = (size: number) =>
    Array.from({ length: 1000 }, (_, i): ReportedRecipient => ({
      ...FAILED,
      mailbox: { localPart: `${i}${"x".repeat(size)}`, domain: "example.net" },
      reply: { code: 550, enhanced: "5.1.1", lines: [`${i} ${"word ".repeat(3200)}`] },
    }));
  for (const [size, limit] of [[10, 600_000], [200, 800_000]]) {
    const { octets } = await make({ recipients: recipients(size) });
    assert(octets.length < limit, String(octets.length));
    const { parts } = takeApart(octets);
    // For programs all of them are there; for people as many as a person reads.
    assertEquals(parts[1].content.match(/^Final-Recipient: /gm)?.length, 1000);
    assertEquals(parts[0].content.match(/^ {2}[0-9]+x/gm)?.length, 20);
    assertMatch(parts[0].content, /^ {2}and 980 more recipients, who stand in the report/m);
  }
});

Deno.test("recipients with the same fate share a paragraph", async () => {
  const recipients = Array.from({ length: 150 }, (_, i): ReportedRecipient => ({
    ...FAILED,
    mailbox: { localPart: `user${i}`, domain: "example.net" },
  }));
  const { parts } = takeApart((await make({ recipients })).octets);
  assertEquals(parts[0].content.match(/^ {2}user/gm)?.length, 100);
  assertEquals(parts[0].content.match(/answered:/g)?.length, 1);
  assertMatch(parts[0].content, /and 50 more recipients/);
});

Deno.test("a notice that must not be is not made", async () => {
  const nobody = { ...ORIGINAL, mail: { reversePath: null, smtpUtf8: false } };
  await assertRejects(() => make({ message: nobody }), TypeError, "Cannot write a notice");
  await assertRejects(() => make({ recipients: [] }), TypeError, "Cannot write a notice");
  await assertRejects(() => make({ id: "a b" }), TypeError, "Cannot write a notice");
});
