/** A real name server for the domains of a test. */
import { BackgroundProcess, freePort } from "../peers.ts";

/** A name server that runs. */
export interface NameServer extends AsyncDisposable {
  /** Its address as `--dns` takes it. */
  readonly address: string;
  readonly port: number;
}

/**
 * Starts dnsmasq with its own lines of configuration. It is the authority for `.test`, so that a name
 * it was not told of does not exist.
 */
export async function startNameServer(
  dnsmasq: string,
  directory: string,
  lines: readonly string[],
): Promise<NameServer> {
  const port = freePort();
  const path = `${directory}/dnsmasq.conf`;
  const common = [
    `port=${port}`,
    "listen-address=127.0.0.1",
    "bind-interfaces",
    "no-resolv",
    "no-hosts",
    "local=/test/",
    "user=root",
    "pid-file=",
  ];
  Deno.writeTextFileSync(path, [...common, ...lines, ""].join("\n"));
  const process = new BackgroundProcess(dnsmasq, ["-k", "--log-facility=-", "-C", path]);
  try {
    await process.line(/started/);
  } catch (error) {
    await process.stop();
    throw error;
  }
  return {
    address: `127.0.0.1:${port}`,
    port,
    [Symbol.asyncDispose]: () => process[Symbol.asyncDispose](),
  };
}

/** The lines for a domain whose one mail host has an address. */
export function mailHost(domain: string, address: string): string[] {
  return [`mx-host=${domain},mx.${domain},10`, `address=/mx.${domain}/${address}`];
}
