import { assert, assertEquals, assertMatch } from "@std/assert";
import { readContent, type ReadMessage } from "../../lib/inbox/read_content.ts";

const encoder = new TextEncoder();

/** Reads a message whose lines are given. */
function read(...lines: string[]): Promise<ReadMessage> {
  return readContent(encoder.encode(lines.join("\r\n")));
}

/** A message in parts. */
function multipart(type: string, ...parts: string[][]): string[] {
  return [
    `Content-Type: multipart/${type}; boundary="=b="`,
    "",
    ...parts.flatMap((part) => ["--=b=", ...part]),
    "--=b=--",
    "",
  ];
}

const plain = ["Content-Type: text/plain", "", "Hello"];
const html = ["Content-Type: text/html", "", "<p>Hello <b>HTML</b></p>"];

Deno.test("content has what the header section says", async () => {
  const { content, parts } = await read(
    "From: =?utf-8?Q?J=C3=BCrgen?= <j@example.test>, second@example.test",
    'To: "Doe, Jane" <jane@example.test>, Team: a@example.test, B <b@example.test>;',
    "To: third@example.test",
    "Cc: undisclosed-recipients:;",
    "Reply-To: <r@example.test>",
    "Subject: =?iso-8859-1?Q?Gr=FC=DFe?= =?utf-8?B?8J+Ygg==?= and",
    "\tmore",
    "Subject: not this one",
    "Date: Mon, 4 May 2026 12:30:00 +0200 (CEST)",
    "Message-ID: <1@example.test>",
    "",
    "Hello",
    "",
  );
  assertEquals(content, {
    subject: "Grüße😂 and more",
    from: [
      { name: "Jürgen", address: "j@example.test" },
      { name: "", address: "second@example.test" },
    ],
    to: [
      { name: "Doe, Jane", address: "jane@example.test" },
      { name: "", address: "a@example.test" },
      { name: "B", address: "b@example.test" },
      { name: "", address: "third@example.test" },
    ],
    cc: [],
    replyTo: [{ name: "", address: "r@example.test" }],
    date: "2026-05-04T10:30:00.000Z",
    messageId: "<1@example.test>",
    text: "Hello\n",
    parts: [],
    links: [],
    codes: [],
  });
  assertEquals(parts, []);
});

Deno.test("content of a message with nothing in it is empty", async () => {
  const nothing = { subject: "", from: [], to: [], cc: [], replyTo: [], text: "", parts: [] };
  assertEquals(await read(""), {
    content: { ...nothing, links: [], codes: [] },
    parts: [],
  });
  assertEquals((await read("Hello", "there", "")).content.text, "");
  assertEquals((await read("Date: tomorrow", "Subject:", "", "")).content.date, undefined);
});

const bodies: [name: string, lines: string[], text: string, html: string | undefined][] = [
  ["plain text", plain, "Hello\n", undefined],
  ["text and HTML", multipart("alternative", plain, html), "Hello\n", `${html[2]}\n`],
  ["HTML alone", html, "Hello HTML", `${html[2]}\n`],
  [
    "HTML and a text of spaces",
    multipart("alternative", ["", " \u00a0"], html),
    "Hello HTML",
    `${html[2]}\n`,
  ],
  [
    "quoted-printable",
    [
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: quoted-printable",
      "",
      "Gr=C3=BC=",
      "=C3=9Fe",
    ],
    "Grüße\n",
    undefined,
  ],
  [
    "base64",
    [
      "Content-Type: text/plain; charset=utf-8",
      "Content-Transfer-Encoding: base64",
      "",
      "R3LD",
      "vMOfZQ==",
    ],
    "Grüße",
    undefined,
  ],
  [
    "format=flowed",
    ["Content-Type: text/plain; format=flowed", "", "a line ", "goes on"],
    "a line goes on\n",
    undefined,
  ],
];

Deno.test("text is that of the message, or what its HTML says", async (t) => {
  for (const [name, lines, text, html] of bodies) {
    await t.step(name, async () => {
      const { content } = await read("Subject: x", ...lines);
      assertEquals([content.text, content.html], [text, html]);
      assertEquals(content.problem, undefined);
    });
  }
});

const pages: [html: string, text: string][] = [
  ["<p>One</p><p>Two<br>Three</p>", "One\n\nTwo\nThree"],
  ["<div>One</div>\n<div>Two  \n words</div>", "One\nTwo words"],
  ["<ul><li>One<li>Two</ul>Three", "* One\n* Two\n\nThree"],
  ["<table><tr><td>A</td><td>1</td></tr><tr><td>B<td>2</table>", "A 1\nB 2"],
  ["<pre>a\n  b\r\nc</pre>d", "a\n  b\nc\n\nd"],
  [
    "a&nbsp;&lt;b&gt; &amp; &auml;&euro;&#8364;&#x20AC;&#146;&#0;&unknown; &amp;lt;",
    "a <b> & ä€€€’\ufffd&unknown; &lt;",
  ],
  ["<!DOCTYPE html><?xml?><head><title>No</title><style>p{}</style></head><body>Yes", "Yes"],
  ["<script>if (a < b) document.write('<p>No</p>')</script>Yes<!-- <p>No</p> -->", "Yes"],
  ["<!--[if mso]><p>No</p><![endif]--><![if !mso]>Yes<![endif]>", "Yes"],
  ["1 < 2 and 3 > 2 </> <3", "1 < 2 and 3 > 2 <3"],
  ["<p title='a > b'>Yes</p><p title=\"open>No</p>", "Yes"],
  ["pre<span>fix</span>ed <b> words </b>.", "prefixed words ."],
  ["Preview&#847;&zwnj;\u200b\u00ad", "Preview\u200c"],
];

Deno.test("HTML becomes text as a reader sees it", async (t) => {
  for (const [html, text] of pages) {
    await t.step(html, async () => {
      const { content } = await read("Content-Type: text/html; charset=utf-8", "", html);
      assertEquals(content.text, text);
    });
  }
});

Deno.test("parts have their octets, and what is needed to show them", async () => {
  const { content, parts } = await read(
    ...multipart(
      "mixed",
      ["Content-Type: text/html", "", '<img src="cid:a%40b">'],
      [
        "Content-Type: Image/PNG",
        "Content-ID: <a@b>",
        "Content-Transfer-Encoding: base64",
        "",
        "AAECAw==",
      ],
      [
        'Content-Type: application/pdf; name="=?utf-8?Q?R=C3=A9sum=C3=A9=0D=0A=E2=80=AE.pdf?="',
        "Content-Disposition: inline",
        "Content-ID: <c@d>",
        "",
        "%PDF",
      ],
      ["Content-Type: text/calendar; method=REQUEST", "", "BEGIN:VCALENDAR", "END:VCALENDAR"],
      ["Content-Type: message/rfc822", "", "Subject: inner", "", "Inner text"],
      ["Content-Disposition: attachment; filename*=utf-8''a%2Fb%20%22.txt", "", "an attachment"],
      ['Content-Type: text/html"; x=<script>', "", "odd"],
    ),
  );
  assertEquals(content.parts, [
    { index: 0, type: "image/png", inline: true, contentId: "a@b", size: 4 },
    {
      index: 1,
      type: "application/pdf",
      name: "Résumé \ufffd.pdf",
      inline: false,
      contentId: "c@d",
      size: 5,
    },
    { index: 2, type: "text/calendar", inline: false, size: 30 },
    { index: 3, type: "message/rfc822", inline: false, size: 27 },
    { index: 4, type: "text/plain", name: 'a/b ".txt', inline: false, size: 14 },
    { index: 5, type: "application/octet-stream", inline: false, size: 4 },
  ]);
  assertEquals(parts[0], new Uint8Array([0, 1, 2, 3]));
  const texts = parts.slice(1).map((octets) => new TextDecoder().decode(octets));
  assertEquals(texts, [
    "%PDF\n",
    "BEGIN:VCALENDAR\nEND:VCALENDAR\n",
    "Subject: inner\n\nInner text\n",
    "an attachment\n",
    "odd\n",
  ]);
});

Deno.test("links and codes come from text and HTML", async () => {
  const { content } = await read(
    ...multipart(
      "alternative",
      ["", "Your code is 482913, or see https://example.test/a"],
      ["Content-Type: text/html", "", '<a href="https://example.test/b">Your PIN: 7712</a>'],
    ),
  );
  assertEquals(content.links, ["https://example.test/a", "https://example.test/b"]);
  assertEquals(content.codes, ["7712", "482913"]);
});

const odd: [name: string, lines: string[], text: string][] = [
  ["an unknown charset", ["Content-Type: text/plain; charset=x-none", "", "a\xe4"], "aÃ¤\n"],
  ["base64 that is none", ["Content-Transfer-Encoding: base64", "", "!!!!", "SGVsbG8*="], "Hello"],
  [
    "quoted-printable that is none",
    ["Content-Transfer-Encoding: quoted-printable", "", "=ZZ=4"],
    "=ZZ=4\n",
  ],
  ["a boundary that does not come", ["Content-Type: multipart/mixed; boundary=x", "", "a"], ""],
  ["no boundary", ["Content-Type: multipart/mixed", "", "a"], ""],
  ["a multipart that does not end", [
    "Content-Type: multipart/mixed; boundary=x",
    "",
    "--x",
    "",
    "a",
  ], "a\n"],
  ["NUL", ["", "a\0b"], "a\0b\n"],
  [
    "a parameter named __proto__",
    ["Content-Type: text/plain; __proto__=x; constructor=y", "", "a"],
    "a\n",
  ],
];

Deno.test("content is read of messages that are not well formed", async (t) => {
  for (const [name, lines, text] of odd) {
    await t.step(name, async () => {
      const { content } = await read("Subject: odd", ...lines);
      assertEquals([content.subject, content.text, content.problem], ["odd", text, undefined]);
    });
  }
  await t.step("octets that are no UTF-8 in the header section", async () => {
    const octets = encoder.encode("Subject: a? \r\nFrom: ? <a@example.test>\r\n\r\nx");
    const broken = octets.map((octet) => octet === 63 ? 0xe4 : octet);
    const { content } = await readContent(broken);
    assertEquals(content.subject, "a\ufffd");
    assertEquals(content.from, [{ name: "\ufffd", address: "a@example.test" }]);
  });
});

/** A message of so many levels. */
function nested(levels: number): string[] {
  const open = Array.from({ length: levels }, (_, i) => [
    `Content-Type: multipart/mixed; boundary=b${i}`,
    "",
    `--b${i}`,
  ]);
  return [...open.flat(), "", "in the middle", ""];
}

Deno.test("a message that is too deep or has too much of a header is shown as it came", async (t) => {
  for (const levels of [51, 100, 10_000]) {
    await t.step(`${levels} levels`, async () => {
      const { content, parts } = await read(
        "Subject: deep",
        "To: a@example.test",
        ...nested(levels),
      );
      assertEquals(content.subject, "deep");
      assertEquals(content.to, [{ name: "", address: "a@example.test" }]);
      assert(content.text.startsWith("--b0\r\n"));
      assertEquals(content.text.length <= 64 * 1024, true);
      assertMatch(content.problem!, /^it cannot be taken apart and is shown as it came \(Max/);
      assertEquals(parts, []);
    });
  }
  await t.step("50 levels are read", async () => {
    const { content } = await read("Subject: deep", ...nested(50));
    assertEquals([content.text, content.problem], ["in the middle\n", undefined]);
  });
  const long = "a".repeat(2 * 1024 * 1024);
  await t.step("a line of 2 MiB behind the subject", async () => {
    const { content } = await read("Subject: long", `X-Long: ${long}`, "", "Hello");
    assertEquals(content.subject, "long");
    assert(content.text.startsWith("Subject: long\r\nX-Long: aaa"));
    assertMatch(content.problem!, /cannot be taken apart .* \(Maximum header size/);
  });
  await t.step("a subject of 2 MiB", async () => {
    const { content } = await read(`Subject: ${long}`, "From: a@example.test", "", "Hello");
    assertEquals(content.subject, "a".repeat(1_000));
    assertMatch(content.problem!, /cannot be taken apart .*; the field subject is cut at 1,000/);
  });
});

Deno.test("what is too long is cut, and it is said what", async () => {
  const mebibyte = 1024 * 1024;
  const addresses = Array.from({ length: 600 }, (_, i) => `a${i}@example.test`).join(", ");
  const { content } = await read(
    `Subject: ${"s".repeat(2_000)}`,
    `To: ${addresses}`,
    ...multipart(
      "alternative",
      ["Content-Type: text/plain; charset=utf-8", "", "a" + "😂".repeat(mebibyte)],
      [
        "Content-Type: text/html",
        "",
        Array.from({ length: 600 }, (_, i) => `<a href="http://a.test/${i}">`).join("").padEnd(
          mebibyte,
        ),
      ],
    ),
  );
  assertEquals(content.subject.length, 1_000);
  assertEquals(content.to.length, 500);
  assertEquals(content.links.length, 500);
  // Not through the middle of a character.
  assertEquals(content.text.length, mebibyte - 1);
  assert(content.text.isWellFormed());
  assertEquals(content.html!.length, mebibyte);
  assertEquals(content.problem?.split("; "), [
    "the field subject is cut at 1,000 characters",
    "only the first 500 addresses in to are shown",
    "the HTML is cut at 1,048,576 characters",
    "the text is cut at 1,048,576 characters",
    "only the first 500 links are shown",
  ]);
  const cut = await readContent(encoder.encode("Subject: x\r\n\r\nHello"), true);
  assertEquals(cut.content.problem, "it is too large, so only its first 19 octets are read");
});

Deno.test("text is cut before it is made into text of another kind", async () => {
  const mebibyte = 1024 * 1024;
  const { content } = await read(
    ...multipart(
      "mixed",
      ["", "first"],
      ["Content-Type: text/html", "", "<p>second</p>".padEnd(mebibyte), "<p>third</p>"],
      ["Content-Type: text/html", "", "<p>fourth</p>"],
    ),
  );
  assertEquals(content.text.match(/\w+/g), ["first", "second"]);
  assertEquals(content.problem, "the HTML is cut at 1,048,576 characters");
});

/** Repeats a line as often as it goes into so many octets. */
function fill(octets: number, line: string): string {
  return line.repeat(octets / line.length);
}

const mixed = "Content-Type: multipart/mixed; boundary=b\r\n\r\n";
const encoded = "Content-Type: a/b\r\nContent-Transfer-Encoding: base64\r\n\r\n";

Deno.test("a message of 10,000 parts is read, and the parts of one with more are cut", async () => {
  const part = "--b\r\nContent-Type: image/png\r\n\r\nx\r\n";
  const { content, parts } = await readContent(encoder.encode(mixed + part.repeat(10_000)));
  assertEquals([content.parts.length, content.problem], [10_000, undefined]);
  assertEquals(parts.length, 10_000);
  const more = await readContent(encoder.encode(mixed + part.repeat(10_001)));
  assertEquals(more.content.parts.length, 10_000);
  assertEquals(more.content.problem, "only the first 10,000 parts are shown");
});

Deno.test("large messages as people send them are read whole", async (t) => {
  const base64 = fill(24 * 1024 * 1024, "QUJD".repeat(19) + "\r\n");
  await t.step("an attachment in base64", async () => {
    const { content } = await readContent(encoder.encode(encoded + base64));
    assertEquals(content.problem, undefined);
    assertEquals(content.parts[0].size, Math.floor(24 * 1024 * 1024 / 78) * 57);
  });
  await t.step("Cyrillic in quoted-printable", async () => {
    const text = fill(1024 * 1024, "=D0=BF".repeat(12) + "=\r\n");
    const { content } = await readContent(encoder.encode(
      "Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n" +
        text,
    ));
    assertEquals(content.problem, undefined);
  });
});
