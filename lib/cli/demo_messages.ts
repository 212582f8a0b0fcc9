/** The messages that `smtpd demo` sends itself: what mail looks like, from plain to difficult. @module */
import { encodeBase64 } from "../smtp/base64.ts";
import { dateTime } from "../message/date_time.ts";

/** A message with its envelope. */
export interface DemoMessage {
  readonly from: string;
  readonly to: readonly string[];
  readonly content: Uint8Array;
}

/** Octets of the large message's attachment. */
const LARGE = 5 * 1024 * 1024;

/** A red envelope of 48 by 48 pixels, as it stands in a message. */
const PNG = [
  "iVBORw0KGgoAAAANSUhEUgAAADAAAAAwCAIAAADYYG7QAAAAt0lEQVR42u3Y2w2AIAwFUCZhBsZz",
  "HPdjCIzBkAjyaguScE2/INTDjfiBcos9CiCAANoOdGi9VN0gZ62v05hfKgBi0HxW9OoHlM7N1/iR",
  "Fyj1TgsmjMegOVEV+n+DxkVVbZsFjYiqpVsFJBVVe5M6iB9V19pWEC0qwpIOUO92aaF2g1r2zfns",
  "KKByAMwTQAelSYicRxYox+J0EwDJ/j9lQIIFEEAAAQQQQABtAlrrfghXegABtBvoAvSwXwh0kddi",
  "AAAAAElFTkSuQmCC",
].join("\r\n");

const BOUNDARY = "=_demo_boundary";

function base64Lines(octets: Uint8Array): string {
  return encodeBase64(octets).replace(/.{76}/g, "$&\r\n");
}

function utf8(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A header section, the fields in order. */
function fields(...lines: readonly string[]): string {
  return lines.map((line) => `${line}\r\n`).join("");
}

function multipart(kind: string, ...parts: readonly string[]): string {
  const whole = parts.map((part) => `--${BOUNDARY}-${kind}\r\n${part}\r\n`).join("");
  return `Content-Type: multipart/${kind}; boundary="${BOUNDARY}-${kind}"\r\n\r\n` +
    `${whole}--${BOUNDARY}-${kind}--\r\n`;
}

function part(type: string, text: string): string {
  return `Content-Type: ${type}\r\nContent-Transfer-Encoding: base64\r\n\r\n${
    base64Lines(utf8(text))
  }`;
}

function attachment(type: string, name: string, octets: Uint8Array): string {
  return `Content-Type: ${type}; name="${name}"\r\n` +
    `Content-Disposition: attachment; filename="${name}"\r\n` +
    `Content-Transfer-Encoding: base64\r\n\r\n${base64Lines(octets)}`;
}

const INVITATION = (start: Date) => {
  const utc = (date: Date) => date.toISOString().replace(/[-:]|\.\d+/g, "");
  return [
    "BEGIN:VCALENDAR",
    "PRODID:-//smtpd//demo//EN",
    "VERSION:2.0",
    "METHOD:REQUEST",
    "BEGIN:VEVENT",
    "UID:demo@shop.example",
    `DTSTAMP:${utc(start)}`,
    `DTSTART:${utc(start)}`,
    `DTEND:${utc(new Date(start.getTime() + 3_600_000))}`,
    "SUMMARY:Release of the new shop",
    "LOCATION:Room 3",
    "ORGANIZER;CN=Ann:mailto:ann@shop.example",
    "ATTENDEE;CN=Joe;RSVP=TRUE:mailto:joe@customer.example",
    "END:VEVENT",
    "END:VCALENDAR",
    "",
  ].join("\r\n");
};

const HTML = `<!doctype html><html><body style="font-family:sans-serif">
<h1 style="color:#a33">Your order is on its way</h1>
<p>Hello Joe, <a href="https://shop.example/orders/1234?utm_source=mail">order 1234</a> has left us.</p>
<p><img src="cid:envelope@shop.example" alt="An envelope" width="48" height="48"></p>
<p><img src="https://shop.example/pixel.gif" alt="" width="1" height="1"></p>
</body></html>`;

/** Makes the messages, dated `now`. */
export function demoMessages(now: Date): DemoMessage[] {
  const from = "shop@shop.example";
  const joe = "joe@customer.example";
  const common = (subject: string, sender = "Shop <shop@shop.example>", to = `Joe <${joe}>`) => [
    `From: ${sender}`,
    `To: ${to}`,
    `Subject: ${subject}`,
    `Date: ${dateTime(now)}`,
    `Message-ID: <${crypto.randomUUID()}@shop.example>`,
    "MIME-Version: 1.0",
  ];
  const plain = fields(...common("Your sign-in code"), "Content-Type: text/plain; charset=utf-8") +
    "\r\nHello Joe,\r\n\r\nyour verification code is 482 913. It is good for ten minutes.\r\n\r\n" +
    "You can also follow this link: https://shop.example/verify?token=5f2c\r\n";
  const html = fields(...common("Your order is on its way")) + multipart(
    "mixed",
    multipart(
      "related",
      multipart(
        "alternative",
        part("text/plain; charset=utf-8", "Hello Joe,\r\n\r\norder 1234 has left us.\r\n"),
        part("text/html; charset=utf-8", HTML),
      ),
      `Content-Type: image/png\r\nContent-ID: <envelope@shop.example>\r\n` +
        `Content-Disposition: inline\r\nContent-Transfer-Encoding: base64\r\n\r\n${PNG}`,
    ),
    attachment("text/csv", "order-1234.csv", utf8("item,count\r\nteapot,1\r\n")),
  );
  const greek = fields(
    ...common(
      "Καλημέρα κόσμε, こんにちは 世界, שלום עולם 👋",
      "Jörg Müller <jörg@bücher.example>",
      "鈴木 <suzuki@例え.example>",
    ),
    "Content-Type: text/plain; charset=utf-8",
    "Content-Transfer-Encoding: 8bit",
  ) + "\r\nGrüße! Ελληνικά, 日本語 και עברית σε ένα μήνυμα.\r\n";
  const invitation =
    fields(...common("Invitation: Release of the new shop", "Ann <ann@shop.example>")) +
    multipart(
      "alternative",
      part("text/plain; charset=utf-8", "Ann invites you to the release of the new shop.\r\n"),
      part(
        "text/calendar; charset=utf-8; method=REQUEST",
        INVITATION(new Date(now.getTime() + 86_400_000)),
      ),
    );
  const large = fields(...common("The catalogue as a file")) + multipart(
    "mixed",
    part(
      "text/plain; charset=utf-8",
      "Hello Joe,\r\n\r\nhere is the catalogue. It has five megabytes.\r\n",
    ),
    attachment("application/octet-stream", "catalogue.bin", new Uint8Array(LARGE)),
  );
  return [
    { from, to: [joe], content: utf8(plain) },
    { from, to: [joe, "archive@shop.example"], content: utf8(html) },
    { from: "jörg@bücher.example", to: ["suzuki@例え.example"], content: utf8(greek) },
    { from: "ann@shop.example", to: [joe], content: utf8(invitation) },
    { from, to: [joe], content: utf8(large) },
  ];
}
