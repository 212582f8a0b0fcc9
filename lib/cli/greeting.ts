/** What a mail server says first to who connects. @module */
import type { Config } from "../config.ts";
import { cidrContains, parseIp } from "../policy/network.ts";
import type { Endpoint } from "../policy/session.ts";

/** More octets than a greeting has. */
const MAX_GREETING = 4096;

/** What a server with these settings wants to hear first that takes us for a proxy: that we come for ourselves. */
export function headerFor({ proxyProtocol }: Config, address: string): string {
  const ip = parseIp(address);
  const isProxy = ip !== undefined && proxyProtocol.some((network) => cidrContains(network, ip));
  return isProxy ? "PROXY UNKNOWN\r\n" : "";
}

/** Where we can connect to who is bound to an address: every address stands for the loopback address. */
export function connectable(address: string): string {
  return address === "0.0.0.0" ? "127.0.0.1" : address === "::" ? "::1" : address;
}

/** Takes leave, so that the server has no lost connection to log; whether it answers is no matter. */
async function quit(connection: Deno.TcpConn, buffer: Uint8Array): Promise<void> {
  try {
    await connection.write(new TextEncoder().encode("QUIT\r\n"));
    await connection.read(buffer);
  } catch {
    // It has greeted all the same.
  }
}

/** Reads the greeting to its last line, and says QUIT. */
async function readGreeting(connection: Deno.TcpConn): Promise<string | undefined> {
  const bytes = new Uint8Array(MAX_GREETING);
  let length = 0;
  while (length < bytes.length) {
    const count = await connection.read(bytes.subarray(length));
    if (count === null) return undefined;
    length += count;
    const greeting = new TextDecoder().decode(bytes.subarray(0, length));
    if (!/^[0-9]{3}(?: [^\n]*)?\r\n/m.test(greeting)) continue;
    await quit(connection, bytes);
    return greeting.trimEnd();
  }
  return undefined;
}

/**
 * Connects, reads the greeting to its last line, and says QUIT.
 *
 * @param header is said before anything else
 * @returns the lines of the greeting as they came; `undefined` where something else came, or nothing
 * @throws what `Deno.connect` throws, and an error of the connection once `signal` is aborted
 */
export async function greetingOf(
  { address, port }: Endpoint,
  signal: AbortSignal,
  header = "",
): Promise<string | undefined> {
  using connection = await Deno.connect({ hostname: address, port, signal });
  const close = () => connection.close();
  signal.addEventListener("abort", close);
  try {
    await connection.write(new TextEncoder().encode(header));
    return await readGreeting(connection);
  } finally {
    signal.removeEventListener("abort", close);
  }
}
