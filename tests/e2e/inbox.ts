/** A server that runs with an inbox, and mail for it. */
import { assertEquals, assertMatch } from "@std/assert";
import { Dialog } from "./dialog.ts";
import { type Smtpd, startSmtpd } from "./smtpd.ts";

/** A server that holds all mail, with the page of its inbox. */
export interface InboxServer extends AsyncDisposable {
  readonly smtpd: Smtpd;
  /** Where the page is, with a slash at its end. */
  readonly url: string;
}

/** Starts a server with an inbox, on free ports. */
export async function startInboxServer(...flags: string[]): Promise<InboxServer> {
  const smtpd = await startSmtpd("--route", "hold", "--ui", "0", ...flags);
  const { url } = await smtpd.event("listening", { service: "http" });
  return { smtpd, url: String(url), [Symbol.asyncDispose]: () => smtpd.stop() };
}

/** Hands messages in, in one session; answers their ids. */
export async function handIn(
  { port }: Smtpd,
  messages: readonly { readonly to: string; readonly content: Uint8Array }[],
): Promise<string[]> {
  using dialog = await Dialog.open(port);
  const ids: string[] = [];
  for (const { to, content } of messages) {
    const { code, text } = (await dialog.sendMail("shop@client.test", [to], content)).at(-1)!;
    assertEquals(code, 250, text);
    assertMatch(text, /Queued as \w+$/);
    ids.push(text.slice(text.lastIndexOf(" ") + 1));
  }
  return ids;
}
