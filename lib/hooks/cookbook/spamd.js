// @ts-check
/*
 * Asks spamd of SpamAssassin about each message (SPAMC/1.5, SYMBOLS): one whose score is REFUSED_SCORE or
 * more gets 550, and others get X-Spam-Flag, X-Spam-Score and X-Spam-Status, in place of what the sender
 * says there. As spamc does, it lets large messages pass unseen, without these fields. Where spamd has no
 * answer the client gets 451 4.3.0. It takes a queue: without one, a message that was read cannot be changed.
 *
 * Grants: "hooksNet": ["127.0.0.1:783"], HOST and PORT.
 */

const HOST = "127.0.0.1";
const PORT = 783;
const REFUSED_SCORE = 10;
/** Octets of a message. */
const MAX_SIZE = 500_000;
/** Octets of all messages that are held at once, in `hooksMemory`, which takes them twice; more get 451. */
const MAX_HELD = 10_000_000;
/** How long a session waits for the answer, in milliseconds; less than `hooksTimeout`. */
const TIMEOUT = 8_000;
/** Characters of an answer. */
const MAX_ANSWER = 64 * 1024;

/** What becomes of a header section where nobody has looked: no sender marks a message for us. */
const UNSEEN = ["X-Spam-Flag", "X-Spam-Score", "X-Spam-Status"].map((name) => (
  { kind: /** @type {const} */ ("remove"), name }
));

let held = 0;

/** @param {BlobPart[]} message @param {number} size */
async function ask(message, size) {
  using connection = await Deno.connect({ hostname: HOST, port: PORT });
  const timer = setTimeout(() => connection.close(), TIMEOUT);
  try {
    const head = new TextEncoder().encode(`SYMBOLS SPAMC/1.5\r\nContent-length: ${size}\r\n\r\n`);
    await new Blob([head, ...message]).stream().pipeTo(connection.writable, { preventClose: true });
    let answer = "";
    const decoder = new TextDecoder();
    for await (const octets of connection.readable) {
      answer += decoder.decode(octets, { stream: true });
      if (answer.length > MAX_ANSWER) {
        throw new RangeError("Cannot read the answer: it is too long");
      }
    }
    return answer;
  } finally {
    clearTimeout(timer);
  }
}

/** @type {Required<import("@smtpd/smtpd").HooksModule>["data"]} */
export async function data(_session, { content }) {
  /** @type {Uint8Array<ArrayBuffer>[]} */
  const message = [];
  let size = 0;
  try {
    for await (const octets of content) {
      size += octets.length;
      held += octets.length;
      if (size > MAX_SIZE) return { header: UNSEEN };
      if (held > MAX_HELD) {
        return { code: 451, enhanced: "4.3.2", text: "Too much at once, try again later" };
      }
      message.push(new Uint8Array(octets));
    }
    const answer = await ask(message, size);
    const [, verdict, score] = /^Spam: (True|False) ; (-?[\d.]+) \/ /m.exec(answer) ?? [];
    if (!/^SPAMD\/\S+ 0 /.test(answer) || score === undefined) {
      throw new SyntaxError("Cannot read the answer: spamd did not check the message");
    }
    if (Number(score) >= REFUSED_SCORE) {
      return { code: 550, enhanced: "5.7.1", text: "This message is taken for spam" };
    }
    const isSpam = verdict === "True";
    const rules = answer.slice(answer.indexOf("\r\n\r\n")).trim().split(/[\s,]+/).join(", ");
    return {
      header: [
        { kind: "replace", name: "X-Spam-Flag", value: isSpam ? "YES" : "NO" },
        { kind: "replace", name: "X-Spam-Score", value: score },
        {
          kind: "replace",
          name: "X-Spam-Status",
          value: `${isSpam ? "Yes" : "No"}, tests=${rules}`,
        },
      ],
    };
  } finally {
    held -= size;
  }
}
