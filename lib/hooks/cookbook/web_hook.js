// @ts-check
/*
 * Tells a web server about each message before it is accepted, by a POST of JSON: who sends it from where
 * to whom, and what it is about. Whatever comes of that, the message goes on: where the web server is
 * down or slow, the log has a line (`hooks-printed`) and the message is taken as without this hook.
 * What is told is not that a message was delivered, and a message that is tried again is told again.
 *
 * Grants: "hooksNet": ["127.0.0.1:8080"], the host and port of HOOK_URL.
 */

const HOOK_URL = "http://127.0.0.1:8080/mail";
/** How long a session waits, in milliseconds; less than `hooksTimeout`. */
const TIMEOUT = 3_000;
/** Requests at once; with more a message goes on untold. */
const MOST_REQUESTS = 50;

let requests = 0;

/** @type {Required<import("@smtpd/smtpd").HooksModule>["data"]} */
export async function data({ id, remote, heloName, account }, { envelope, header }) {
  if (requests >= MOST_REQUESTS) return console.warn(`${id} is not told: too many requests`);
  requests++;
  const valueOf = (/** @type {string} */ wanted) =>
    header.find(({ name }) => name.toLowerCase() === wanted)?.value;
  try {
    const response = await fetch(HOOK_URL, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({
        ...{ session: id, client: remote.address, heloName, account },
        ...{ from: envelope.reversePath, to: envelope.forwardPaths },
        ...{ subject: valueOf("subject"), messageId: valueOf("message-id") },
      }),
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT),
    });
    await response.body?.cancel();
    if (!response.ok) console.warn(`${id} is not told: the web hook says ${response.status}`);
  } catch (error) {
    console.warn(`${id} is not told: ${error}`);
  } finally {
    requests--;
  }
}
