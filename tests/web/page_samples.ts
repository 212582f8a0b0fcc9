/** Messages as the API answers them, for tests of the page. @module */
import type { Item, Ledger, Message, MessageState } from "../../lib/web/page/types.d.ts";

/** A message and its way. */
export interface Sample {
  message: Message;
  ledger: Ledger;
  headers: { name: string; value: string }[];
  raw: string;
}

/** What a sample is made of; all else follows from it. */
export type SampleFacts = Partial<Message> & {
  readonly attempts?: Ledger["attempts"];
  readonly raw?: string;
};

/** The number in an id, which ascends in time. */
function idOf(number: number): string {
  return number.toString(36).padStart(16, "0");
}

/** Makes the message with a number, so many minutes old. */
export function makeSample(number: number, minutes: number, facts: SampleFacts = {}): Sample {
  const { attempts = [], raw, ...said } = facts;
  const received = new Date(Date.now() - minutes * 60_000).toISOString();
  const to = said.to ?? [`user${number}@example.net`];
  const state: MessageState = said.state ?? "held";
  const text = said.text ?? `This is what message ${number} says.\n`;
  const id = idOf(number);
  const from = said.from ?? "shop@example.com";
  const subject = said.subject ?? `Message ${number}`;
  const envelope = said.envelope ?? to.map((address) => ({ to: address, state, attempts: 0 }));
  const message: Message = {
    id,
    state,
    from,
    to,
    recipients: to.length,
    subject,
    size: 1200 + number,
    received,
    attachments: said.parts?.filter(({ inline }) => !inline).length ?? 0,
    preview: text.slice(0, 100).replaceAll(/\s+/g, " "),
    seen: false,
    headerFrom: [{ name: "", address: from }],
    headerTo: to.map((address) => ({ name: "", address })),
    cc: [],
    replyTo: [],
    date: received,
    messageId: `<${id}@example.com>`,
    text,
    parts: [],
    links: [],
    codes: [],
    ...said,
    envelope,
  };
  const headers = [
    { name: "From", value: from },
    { name: "To", value: to.join(", ") },
    { name: "Subject", value: subject },
  ];
  const head = headers.map(({ name, value }) => `${name}: ${value}\r\n`).join("");
  return {
    message,
    headers,
    raw: raw ?? `${head}\r\n${text.replaceAll("\n", "\r\n")}`,
    ledger: {
      id,
      from,
      size: message.size,
      accepted: received,
      expires: new Date(Date.now() + 5 * 86_400_000).toISOString(),
      origin: {
        client: "127.0.0.1",
        heloName: "shop.example.com",
        protocol: "ESMTPSA",
        session: "0dk3s1",
        tls: "TLSv1.3 TLS_AES_128_GCM_SHA256",
        account: "shop",
      },
      recipients: envelope,
      attempts,
    },
  };
}

/** What stands in a list of a message. */
export function itemOf({ message }: Sample): Item {
  const { id, state, from, to, recipients, subject } = message;
  const { size, received, attachments, preview, seen } = message;
  return {
    id,
    state,
    from,
    to,
    recipients,
    subject,
    size,
    received,
    attachments,
    preview,
    seen,
  };
}

/** A reply that asks to come again. */
const LATER = {
  code: 451,
  enhanced: "4.7.1",
  lines: ["Greylisted, come back in five minutes"],
} as const;

const TAKEN = { code: 250, enhanced: "2.0.0", lines: ["OK: queued as 4TqXz91"] } as const;
const UNKNOWN = {
  code: 550,
  enhanced: "5.1.1",
  lines: ["<nobody@example.org>: no such mailbox here"],
} as const;

const VERIFIED = {
  version: "TLSv1.3",
  cipher: "TLS_AES_256_GCM_SHA384",
  isVerified: true,
} as const;

const SELF_SIGNED = {
  version: "TLSv1.2",
  cipher: "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
  isVerified: false,
  problem: "self-signed certificate",
} as const;

function before(minutes: number): string {
  return new Date(Date.now() - minutes * 60_000).toISOString();
}

/** HTML that tries what hostile HTML tries, and shows images of another host. */
export function hostileHtml(remoteHost: string): string {
  return `<html><head><title>x</title><style>h1 { color: #0f6b66; font-family: sans-serif }</style>
<script>parent.document.title = "owned"; top.location = "${remoteHost}/script"</script></head>
<body onload="parent.document.title = 'owned'" style="margin: 24px; font-family: sans-serif">
<h1>Confirm your address</h1><p>Dear Ann, please use the code <b>482 913</b>,
or <a href="${remoteHost}/link">confirm by a click</a>.</p>
<img src="${remoteHost}/pixel.png" alt="Our logo" width="120" height="40">
<img src="${remoteHost}/pixel.png"><div style="background: url(${remoteHost}/back.png)">&nbsp;</div>
<form action="${remoteHost}/form"><button>Send</button></form>
<p>Yours,<br>the shop</p></body></html>`;
}

/** The messages that the tests look at, newest first. */
export function makeSamples(remoteHost: string): Sample[] {
  const confirm = "https://shop.example.com/confirm?t=8f14e45f";
  return [
    makeSample(9, 1, {
      subject: "Confirm your address",
      to: ["ann@example.net"],
      headerFrom: [{ name: "The Shop", address: "shop@example.com" }],
      headerTo: [{ name: "Ann Example", address: "ann@example.net" }],
      text:
        `Dear Ann,\n\nplease use the code 482913, or confirm at\n${confirm}.\n\nYours,\nthe shop\n`,
      html: hostileHtml(remoteHost),
      links: [confirm, "https://shop.example.com/help", "https://shop.example.com/unsubscribe"],
      codes: ["482913"],
    }),
    makeSample(8, 12, {
      subject: "Quarterly figures",
      from: "bob@example.org",
      to: ["ann@example.net", "carol@example.net", "dave@example.net"],
      text:
        "Hi all,\n\nthe figures are attached. <b>Not bold</b>, javascript:alert(1) is no link.\n",
      parts: [
        { index: 0, type: "application/pdf", name: "figures.pdf", inline: false, size: 184_320 },
        {
          index: 1,
          type: "application/octet-stream",
          name: "invoice\u202Efdp.exe",
          inline: false,
          size: 4096,
        },
      ],
      cc: [{ name: "Eve", address: "eve@example.net" }],
    }),
    makeSample(7, 45, {
      subject: "Your order is on its way",
      state: "queued",
      seen: true,
      to: ["frank@example.org"],
      envelope: [{
        to: "frank@example.org",
        state: "queued",
        attempts: 1,
        due: before(-5),
        lastReply: LATER,
      }],
      attempts: [{
        begun: before(44),
        ended: before(43.98),
        host: "mx1.example.org",
        address: "192.0.2.25",
        tls: SELF_SIGNED,
        outcomes: [{ to: "frank@example.org", state: "queued", due: before(-5), reply: LATER }],
      }],
    }),
    makeSample(6, 180, {
      subject: "\u202Eقائمة الأسعار الجديدة",
      from: "sales@example.org",
      text: "مرحبا، هذه قائمة الأسعار.\n",
      state: "delivered",
      seen: true,
      envelope: [{
        to: "user6@example.net",
        state: "delivered",
        attempts: 1,
        lastReply: TAKEN,
      }],
      attempts: [{
        begun: before(179),
        ended: before(178.99),
        host: "mx.example.net",
        address: "198.51.100.7",
        tls: VERIFIED,
        outcomes: [{ to: "user6@example.net", state: "delivered", reply: TAKEN }],
      }],
    }),
    makeSample(5, 60 * 30, {
      subject: "Reset your password",
      state: "failed",
      to: ["nobody@example.org"],
      envelope: [{ to: "nobody@example.org", state: "failed", attempts: 1, lastReply: UNKNOWN }],
      attempts: [{
        begun: before(1799),
        ended: before(1798.9),
        host: "mx1.example.org",
        address: "192.0.2.25",
        outcomes: [{ to: "nobody@example.org", state: "failed", reply: UNKNOWN }],
      }],
    }),
    makeSample(4, 60 * 50, {
      from: "",
      subject: "Undelivered Mail Returned to Sender",
      seen: true,
    }),
    makeSample(3, 60 * 24 * 9, {
      subject:
        "A very long subject that goes on and on, as those of newsletters do, until nobody knows what it began with",
      seen: true,
    }),
    makeSample(2, 60 * 24 * 400, { subject: "", seen: true, text: "" }),
  ];
}
