/** Relaying to fake hosts in a fake world, for tests. */
import { relayingRules } from "../../lib/policy/relaying.ts";
import type { RemoteOptions } from "../../lib/relay/transaction.ts";
import { type Mailbox, needsUtf8 } from "../../lib/smtp/mailbox.ts";
import type { Envelope, MailParameters } from "../../lib/smtp/envelope.ts";
import { dnsTable, noShuffle, type Records } from "./dns_table.ts";
import { FakeClock } from "./fake_clock.ts";
import { FakeHosts, type Script } from "./fake_hosts.ts";

/** `x.test` with two MX hosts, `y.test` with one, `z.test` with one that has two addresses. */
export const WORLD: Record<string, Records> = {
  "x.test": { mx: [[10, "mx1.x.test"], [20, "mx2.x.test"]] },
  "mx1.x.test": { a: ["192.0.2.1"] },
  "mx2.x.test": { a: ["192.0.2.2"] },
  "y.test": { mx: [[10, "mx.y.test"]] },
  "mx.y.test": { a: ["192.0.2.3"] },
  "z.test": { mx: [[10, "mx.z.test"]] },
  "mx.z.test": { aaaa: ["2001:db8::4"], a: ["192.0.2.4"] },
  "null.test": { mx: [[0, "."]] },
};

/** What a test of relaying needs. */
export interface World {
  readonly clock: FakeClock;
  readonly hosts: FakeHosts;
  readonly remote: RemoteOptions;
}

/** Makes a world with hosts at the addresses of {@linkcode WORLD}. */
export function world(scripts: Record<string, Script>): World {
  const clock = new FakeClock();
  const hosts = new FakeHosts(scripts);
  const resolver = { dns: dnsTable(WORLD), random: noShuffle };
  const remote = { heloName: "us.test", resolver, connect: hosts.connect, clock };
  return { clock, hosts, remote };
}

/** Rules with one local domain. */
export const RULES = relayingRules(["local.test"]);

/** Reads a simple address. */
export function mailbox(text: string): Mailbox {
  const at = text.lastIndexOf("@");
  return { localPart: text.slice(0, at), domain: text.slice(at + 1) };
}

/** Makes an envelope from `joe@us.test` unless another is given. */
export function envelope(to: readonly string[], mail: Partial<MailParameters> = {}): Envelope {
  const forwardPaths = to.map(mailbox);
  const smtpUtf8 = forwardPaths.some(needsUtf8);
  return { reversePath: mailbox("joe@us.test"), smtpUtf8, ...mail, forwardPaths };
}

/** Cuts text into slices of octets, all of them in one buffer that is used again. */
export async function* slices(text: string, size: number): AsyncGenerator<Uint8Array> {
  const octets = new Uint8Array(text.length);
  for (let i = 0; i < text.length; i++) octets[i] = text.charCodeAt(i);
  const buffer = new Uint8Array(size);
  for (let at = 0; at < octets.length; at += size) {
    const slice = octets.subarray(at, at + size);
    buffer.set(slice);
    await Promise.resolve();
    yield buffer.subarray(0, slice.length);
    buffer.fill(0x21);
  }
}
