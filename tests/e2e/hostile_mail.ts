/** Messages that are made to do harm to who looks at them: HTML that acts, and MIME that breaks. @module */
import { joined } from "./corpus.ts";
import { CANARY, HOSTILE_HTML } from "./hostile_html.ts";

/** A message. */
export interface HostileMail {
  /** What it tries. */
  readonly what: string;
  readonly content: Uint8Array;
  /** The code by which our own server refuses it, so that it is never in the inbox. */
  readonly refused?: number;
}

const FROM = "From: mallory@evil.test\r\n";
const TO = "To: joe@local.test\r\n";

const TAG = `<img src=x onerror="alert('${CANARY}')">`;

/** A message with a header section and a body, after the fields that every one has. */
function mail(what: string, fields: string, body: string | Uint8Array): HostileMail {
  const subject = /^subject:/im.test(fields) ? "" : `Subject: ${what}\r\n`;
  const encoder = new TextEncoder();
  const content = joined(
    encoder.encode(`${FROM}${TO}${subject}MIME-Version: 1.0\r\n${fields}\r\n`),
    typeof body === "string" ? encoder.encode(body) : body,
  );
  return { what, content };
}

/** In base64, so that it may have any octet and lines of any length. */
function encoded(what: string, type: string, octets: Uint8Array): HostileMail {
  const lines = octets.toBase64().replace(/.{76}/g, "$&\r\n");
  return mail(
    what,
    `Content-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n`,
    `${lines}\r\n`,
  );
}

function html(what: string, text: string): HostileMail {
  return encoded(what, "text/html; charset=utf-8", new TextEncoder().encode(text));
}

function multipart(what: string, parts: readonly string[], kind = "mixed"): HostileMail {
  const body = parts.map((part) => `--b\r\n${part}\r\n`).join("");
  return mail(what, `Content-Type: multipart/${kind}; boundary=b\r\n`, `${body}--b--\r\n`);
}

function attachment(type: string, name: string, body: string): string {
  return `Content-Type: ${type}\r\nContent-Disposition: attachment; ${name}\r\n\r\n${body}`;
}

/** A file by its name, which is a trap. */
function named(what: string, name: string): HostileMail {
  return multipart(what, [
    "Content-Type: text/plain\r\n\r\nx",
    attachment("application/zip", name, "PK"),
  ]);
}

/** Multiparts inside of multiparts. */
function deep(levels: number): HostileMail {
  let body = "";
  for (let level = 0; level < levels; level++) {
    body += `--b${level}\r\nContent-Type: multipart/mixed; boundary=b${level + 1}\r\n\r\n`;
  }
  body += `--b${levels}\r\n\r\ninnermost\r\n`;
  return mail(`${levels} levels`, "Content-Type: multipart/mixed; boundary=b0\r\n", body);
}

const SCRIPT = `<script xmlns="http://www.w3.org/1999/xhtml">alert('${CANARY}')</script>`;
const XSLT =
  `<?xml version="1.0"?><?xml-stylesheet type="text/xsl" href="http://evil.test/x.xsl"?><a>${SCRIPT}</a>`;
const SVG =
  `<svg xmlns="http://www.w3.org/2000/svg" onload="alert('${CANARY}')"><script>alert('${CANARY}')</script></svg>`;
const XHTML = `<html xmlns="http://www.w3.org/1999/xhtml"><body>${SCRIPT}</body></html>`;

const text = (type: string, body: string) => `Content-Type: ${type}\r\n\r\n${body}`;

const MIME: readonly HostileMail[] = [
  multipart("parts that browsers run", [
    text("text/plain", "x"),
    ...[
      ["text/html", XHTML],
      ["application/xhtml+xml", XHTML],
      ["image/svg+xml", SVG],
      ["text/xml", XSLT],
      [
        "text/javascript",
        `alert('${CANARY}')`,
      ],
      ["application/pdf", "%PDF-1.4"],
      ["text/css", "@import url(http://evil.test/)"],
      [
        "multipart/x-mixed-replace",
        XHTML,
      ],
      ["text/cache-manifest", "CACHE"],
      ["application/x-shockwave-flash", "FWS"],
    ].map(([type, body]) => attachment(type, "filename=x.html", body)),
  ]),
  multipart("images that are none", [
    text(
      "text/html",
      "<img src=cid:a><img src=cid:b><object data=cid:a></object><iframe src=cid:b></iframe>",
    ),
    `Content-Type: image/png\r\nContent-ID: <a>\r\n\r\n${XHTML}`,
    `Content-Type: image/svg+xml\r\nContent-ID: <b>\r\n\r\n${SVG}`,
  ], "related"),
  multipart("a Content-ID that is markup", [
    text(
      "text/html",
      `<img src="cid:&quot;onerror=alert(1)"><img src="cid:x%22%20onerror=%22alert('${CANARY}')">`,
    ),
    `Content-Type: image/png\r\nContent-ID: <"onerror=alert('${CANARY}')>\r\n\r\nx`,
    `Content-Type: image/png\r\nContent-ID: <x" onerror="alert('${CANARY}')>\r\n\r\nx`,
  ], "related"),
  multipart(
    "a hundred HTML texts",
    Array.from({ length: 100 }, () => text("text/html", TAG)),
    "alternative",
  ),
  multipart("messages in messages", [
    text("message/rfc822", `Subject: ${TAG}\r\nContent-Type: text/html\r\n\r\n${TAG}`),
  ]),
  mail("the whole is XML", "Content-Type: application/xhtml+xml\r\n", `${XHTML}\r\n`),
  mail("the whole is SVG", "Content-Type: image/svg+xml\r\n", `${SVG}\r\n`),
  mail(
    "a body elsewhere",
    `Content-Type: message/external-body; access-type=URL; URL="http://evil.test/"\r\n`,
    "Content-Type: text/html\r\n\r\n",
  ),
  named("a name that is a path", `filename="../../../../etc/passwd"`),
  named("a name that is a path on Windows", `filename="C:\\\\Windows\\\\..\\\\x.exe"`),
  named(
    "a name with line ends",
    "filename*=utf-8''a%0d%0aContent-Type%3a%20text/html%0d%0a%0d%0a%3Cscript%3E.txt",
  ),
  named("a name that runs backwards", "filename*=utf-8''invoice%E2%80%AEfdp.exe"),
  named("a zip that is named .html", "filename=x.html"),
  named("a name that is markup", `filename="${TAG.replaceAll('"', "'")}.txt"`),
  named("a name with NUL and escapes", "filename*=utf-8''a%00b%1b%5b2Jc.txt%2e"),
  named(
    "a name of one megabyte",
    `${Array.from({ length: 2500 }, (_, n) => `filename*${n}=${"x".repeat(60)}`).join(";\r\n ")}`,
  ),
  named("a name of a device", `filename="CON.."; filename="${"/".repeat(500)}"`),
  mail(
    "a subject that is markup",
    `Subject: </title>${TAG}<script>alert('${CANARY}')</script>\r\n`,
    `${TAG}\r\n`,
  ),
  mail(
    "a name that is markup",
    `Reply-To: "${TAG.replaceAll('"', "'")}" <x@evil.test>\r\nCc: <${
      "a".repeat(60)
    }@x>, "\\"><b>" <b@c.d>\r\n`,
    "x\r\n",
  ),
  mail(
    "a subject that runs backwards",
    "Subject: =?utf-8?q?safe_=E2=80=AEtxet_=E2=81=A6_=E2=80=8F_=1B[2J_=07_=00?=\r\n",
    "\u202egnp.exe\u2066\r\n",
  ),
  mail(
    "a field inside of a field",
    "Subject: =?utf-8?q?a=0D=0ABcc:_x@evil.test=0D=0A=0D=0A<script>?=\r\nX-A: =?utf-8?b?DQpYLUI6IDE=?=\r\n",
    "x\r\n",
  ),
  mail(
    "fields called as what objects have",
    "__proto__: x\r\nconstructor: y\r\nhasOwnProperty: z\r\nContent-Type: __proto__/constructor; __proto__=x\r\n",
    "x\r\n",
  ),
  mail(
    "dates that are none",
    'Date: Sat, 13 Sep 275760 00:00:00 +0000\r\nDate: <script>\r\nMessage-ID: <"><script>@x>\r\n',
    "x\r\n",
  ),
  mail(
    "links that are none",
    "Content-Type: text/plain\r\n",
    `javascript:alert('${CANARY}') http://"><script>alert('${CANARY}')</script> data:text/html,x http://[::1 https://a@evil.test:99999/ ${
      "http://x.test/ ".repeat(20_000).replace(/.{900}/g, "$&\r\n")
    }\r\n`,
  ),
  multipart(
    "10,000 parts",
    Array.from({ length: 10_000 }, (_, n) => attachment("text/plain", `filename=${n}`, "x")),
  ),
  deep(100),
  deep(1_000),
  mail(
    "a character set that is none",
    `Content-Type: text/html; charset="x\\"><script>"\r\n`,
    "<p>\xe9</p>\r\n",
  ),
  encoded(
    "UTF-7",
    "text/html; charset=utf-7",
    new TextEncoder().encode(`+ADw-script+AD4-alert('${CANARY}')+ADw-/script+AD4-`),
  ),
  encoded(
    "UTF-16 with half characters",
    "text/html; charset=utf-16",
    Uint8Array.of(0xff, 0xfe, 0, 0xd8, 60, 0, 0, 0xdc, 0x3c),
  ),
  encoded(
    "octets that are no UTF-8",
    "text/html; charset=utf-8",
    Uint8Array.from({ length: 70_000 }, (_, n) => n * 7 & 255),
  ),
  encoded(
    "a character set with escapes",
    "text/html; charset=iso-2022-jp",
    new TextEncoder().encode(`\x1b$B<script>alert('${CANARY}')</script>`),
  ),
  mail(
    "base64 that is none",
    "Content-Type: text/html\r\nContent-Transfer-Encoding: base64\r\n",
    `PHNjcmlwdD5${"=!".repeat(400)}\r\n`.repeat(2_000),
  ),
  mail(
    "quoted-printable that is none",
    "Content-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n",
    `=3Cscript=3E=ZZ==\r\n=\r\n=`,
  ),
  mail(
    "a boundary that never comes",
    "Content-Type: multipart/mixed; boundary=never\r\n",
    `--other\r\n${TAG}\r\n`,
  ),
  mail(
    "no boundary",
    "Content-Type: multipart/alternative\r\n",
    `--\r\nContent-Type: text/html\r\n\r\n${TAG}\r\n----\r\n`,
  ),
  mail(
    "a boundary that is a pattern",
    `Content-Type: multipart/mixed; boundary="(a+)+$.*["\r\n`,
    `--(a+)+$.*[\r\n\r\n${"a".repeat(900)}\r\n`.repeat(2_000),
  ),
  mail(
    "two content types",
    `Content-Type: text/plain\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: x-uuencode\r\n`,
    `begin 644 x\r\n${TAG}\r\nend\r\n`,
  ),
  mail(
    "a header of 200 KiB in one field",
    `X-Long: ${`${"x".repeat(900)}\r\n `.repeat(220)}\r\n`,
    "x\r\n",
  ),
  mail(
    "many recipients in To",
    `Cc: ${Array.from({ length: 5_000 }, (_, n) => `"R ${n}" <r${n}@x.test>`).join(",\r\n ")}\r\n`,
    "x\r\n",
  ),
  mail("comments in comments", `Reply-To: ${"(".repeat(900)}\r\n ${"(".repeat(900)}\r\n`, "x\r\n"),
  mail(
    "no end to encoded words",
    `Subject: ${`${"=?utf-8?q?=C3?= ".repeat(50)}\r\n `.repeat(200)}\r\n`,
    "x\r\n",
  ),
  { what: "no header", content: joined("\r\n\r\n", TAG, "\r\n") },
  mail("NUL", "", `x\0<script>\0\r\n`),
  { what: "nothing at all", content: joined("\r\n") },
];

/** Our own server refuses these, so that no page has to cope with them. */
const REFUSED: readonly HostileMail[] = [
  {
    ...mail("a line of 2 MiB in the header", `X-Long: ${"x".repeat(2 << 20)}\r\n`, "x\r\n"),
    refused: 552,
  },
  {
    ...mail(
      "a folded field of 2 MiB",
      `X-Long: ${`${"x".repeat(900)}\r\n `.repeat(2_330)}\r\n`,
      "x\r\n",
    ),
    refused: 552,
  },
  {
    ...mail(
      "100,000 recipients in To",
      `Cc: ${"abcdefgh@x.test,\r\n ".repeat(100_000)}x@y.test\r\n`,
      "x\r\n",
    ),
    refused: 552,
  },
  { ...mail("a bare CR", "", `x\r<script>\r\n`), refused: 550 },
  { ...mail("a bare LF in the header", `X-A: b\nBcc: x@evil.test\r\n`, "x\r\n"), refused: 550 },
];

/** The messages. */
export function hostileMail(): HostileMail[] {
  return [...HOSTILE_HTML.map(([what, text]) => html(what, text)), ...MIME, ...REFUSED];
}
