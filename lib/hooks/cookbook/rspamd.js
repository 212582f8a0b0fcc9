// @ts-check
/*
 * Asks rspamd about each message (POST /checkv2) and does what it says: a message to `reject` gets 550, one
 * to `greylist` or to reject for now (`soft reject`) gets 451, and others are marked in X-Spam,
 * X-Spam-Score and X-Spam-Action, in place of what the sender says there. Where rspamd has no
 * answer the client gets 451 4.3.0. Rspamd can only put mail off by its greylist where it has Redis.
 * It takes a queue: without one, a message that was read cannot be changed.
 *
 * Grants: "hooksNet": ["127.0.0.1:11333"], the host and port of RSPAMD_URL.
 */

const RSPAMD_URL = "http://127.0.0.1:11333/checkv2";
/** How long a session waits once the whole message has come, in milliseconds; less than `hooksTimeout`. */
const TIMEOUT = 8_000;
/** Characters of an answer. */
const MAX_ANSWER = 256 * 1024;

/** @param {import("@smtpd/smtpd").Mailbox | null} path */
function written(path) {
  return path === null ? "<>" : `<${path.localPart}@${path.domain}>`;
}

/** @type {Required<import("@smtpd/smtpd").HooksModule>["data"]} */
export async function data({ remote, heloName, account }, { envelope, content }) {
  const headers = new Headers();
  const facts = [
    ["IP", remote.address],
    ["Helo", heloName],
    ["User", account],
    ["From", written(envelope.reversePath)],
    ...envelope.forwardPaths.map((path) => ["Rcpt", written(path)]),
  ];
  for (const [name, value] of facts) {
    // What is not ASCII cannot stand there; rspamd does without.
    if (name && value && /^[\x20-\x7e]+$/.test(value)) headers.append(name, value);
  }
  const waiting = new AbortController();
  /** @type {ReturnType<typeof setTimeout> | undefined} */
  let timer;
  async function* whole() {
    yield* content;
    timer = setTimeout(() => waiting.abort(), TIMEOUT);
  }
  const response = await fetch(RSPAMD_URL, {
    method: "POST",
    headers,
    body: ReadableStream.from(whole()),
    redirect: "error",
    signal: waiting.signal,
  });
  let text = "";
  const decoder = new TextDecoder();
  for await (const octets of response.body ?? []) {
    text += decoder.decode(octets, { stream: true });
    if (text.length > MAX_ANSWER) throw new RangeError("Cannot read the answer: it is too long");
  }
  clearTimeout(timer);
  if (!response.ok) throw new Error(`Cannot ask rspamd: it says ${response.status}`);
  const { action, score } = JSON.parse(text);
  if (typeof action !== "string") throw new SyntaxError("Cannot read the answer: it has no action");
  switch (action) {
    case "reject":
      return { code: 550, enhanced: "5.7.1", text: "This message is taken for spam" };
    case "greylist":
    case "soft reject":
      return { code: 451, enhanced: "4.7.1", text: "Try again later" };
  }
  const isSpam = action !== "no action";
  const fields = { Spam: isSpam ? "Yes" : "No", "Spam-Score": score, "Spam-Action": action };
  return {
    header: Object.entries(fields).map(([name, value]) => (
      { kind: /** @type {const} */ ("replace"), name: `X-${name}`, value: `${value}` }
    )),
  };
}
