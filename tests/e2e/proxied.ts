/** Clients that come from wherever a test wants, by the header of a proxy. */
import { parseIp } from "../../lib/policy/network.ts";
import { Dialog, type SeenReply } from "./dialog.ts";
import { type Smtpd, startPassThrough } from "./smtpd.ts";

/** How a header of version 2 begins that is for a client of TCP over IPv4 (proxy-protocol.txt, section 2.2). */
const BEGINNING = [
  ...[13, 10, 13, 10, 0, 13, 10, 0x51, 0x55, 0x49, 0x54, 10],
  ...[0x21, 0x11, 0, 12],
];

/** A header of version 2 for a client of IPv4, whose port is 40000. */
export function proxyHeader(client: string): Uint8Array {
  const ip = parseIp(client);
  if (ip?.octets.length !== 4) throw new SyntaxError(`Cannot connect for ${client}`);
  return Uint8Array.of(...BEGINNING, ...ip.octets, 198, 51, 100, 1, 0x9c, 0x40, 0, 25);
}

/** Connects for a client and reads the greeting, whatever it is. */
export async function greeted(
  port: number,
  client: string,
): Promise<{ readonly dialog: Dialog; readonly greeting: SeenReply }> {
  const dialog = await Dialog.begin(port, proxyHeader(client));
  try {
    return { dialog, greeting: await dialog.reply() };
  } catch (error) {
    dialog[Symbol.dispose]();
    throw error;
  }
}

/** Connects for a client, reads the greeting and says EHLO. */
export async function openFor(port: number, client: string): Promise<Dialog> {
  const { dialog, greeting } = await greeted(port, client);
  const { code, text } = greeting.code === 220 ? await dialog.say("EHLO client.test") : greeting;
  if (code === 250) return dialog;
  dialog[Symbol.dispose]();
  throw new Error(`Cannot begin: ${code} ${text}`);
}

/** The client of a number, each of a network of its own: /24 of 10.0.0.0/8. */
export function clientOf(number: number): string {
  return `10.${number >> 8 & 255}.${number & 255}.1`;
}

/** A server that believes the proxies of this host, with settings of a file. */
export async function startBehindProxy(
  directory: string,
  settings: Record<string, unknown>,
  ...flags: string[]
): Promise<Smtpd> {
  const file = `${directory}/smtpd.json`;
  await Deno.writeTextFile(file, JSON.stringify(settings));
  return await startPassThrough(
    ...["--config", file, "--proxy-protocol", "127.0.0.0/8", "--relay-from", "203.0.113.0/24"],
    ...["--local-domain", "local.test", "--maildir", `${directory}/mail`, "--route", "discard"],
    ...flags,
  );
}
