/** What settings let others do, and whether they are good by themselves. @module */
import type { Config } from "../../config.ts";
import { addressScope } from "../../policy/address_scope.ts";
import { type Cidr, formatCidr, type Ip, isLoopback } from "../../policy/network.ts";
import { CHECKS } from "../checks.ts";
import { type Examination, fail, type Finding, ok, warn } from "./finding.ts";
import { isOpenToOthers } from "./own_names.ts";

/** A network of public addresses that is wider has strangers in it. */
const WIDEST = { 4: 16, 6: 32 } as const;

/** One that is wider has most of the world in it. */
const WIDE_OPEN = { 4: 7, 6: 15 } as const;

/** Networks whose clients are believed, and what that lets them do. */
const BELIEVED = [
  { key: "relayFrom", setBy: "--relay-from", does: "relay to any domain" },
  {
    key: "proxyProtocol",
    setBy: "--proxy-protocol",
    does: "say that they are any client, and relay as this machine",
  },
  {
    key: "xclient",
    setBy: "xclient",
    does: "say that they are any client, and relay as this machine",
  },
] as const;

/** The last address of a network. */
function lastOf({ base: { version, octets }, prefixLength }: Cidr): Ip {
  const last = octets.map((octet, index) => {
    const bits = Math.min(8, Math.max(0, prefixLength - 8 * index));
    return octet | (0xff >> bits);
  });
  return { version, octets: last };
}

/** Whether a network has public addresses in it, at its edges at least. */
function isPublic(network: Cidr): boolean {
  return [network.base, lastOf(network)].some((ip) => addressScope(ip) === "global");
}

function examineRelaying(config: Config): readonly Finding[] {
  const findings = BELIEVED.flatMap(({ key, setBy, does }) =>
    config[key].flatMap((network): Finding[] => {
      const { base: { version }, prefixLength } = network;
      const isOpen = prefixLength <= WIDE_OPEN[version];
      if (!isOpen && (prefixLength >= WIDEST[version] || !isPublic(network))) return [];
      const found = `whoever is in ${formatCidr(network)} may ${does}`;
      const mend = `give the networks of your own clients to ${setBy}`;
      return [
        isOpen
          ? fail(`${found}: it is an open relay, which others will send spam by`, mend)
          : warn(found, `${mend}, if not all of these are`),
      ];
    })
  );
  if (findings.length > 0) return findings;
  const networks = config.relayFrom.map(formatCidr).join(", ") || "no network";
  return [ok(`clients in ${networks} may relay, besides those that log in`)];
}

/** Says how a certificate serves, or why there should be one. */
function examineNoCertificate(config: Config): readonly Examination[] {
  if (config.tlsCert !== undefined || config.certificates.length > 0) return [];
  if (!isOpenToOthers(config)) return [];
  const found = "there is none, so others can read on the way what comes in";
  const mend = "give one to --tls-cert, with its key to --tls-key";
  return [{ topic: "certificate", examine: () => warn(found, mend) }];
}

function examineUi({ ui }: Config): readonly Examination[] {
  if (ui === undefined) return [];
  return [{
    topic: "ui",
    examine: () =>
      isLoopback(ui.address) ? ok("the inbox is for this machine alone") : warn(
        `the inbox is at ${ui.address} without TLS, so others can read passwords on the way`,
        `put a proxy with TLS before it, and give --ui 127.0.0.1:${ui.port}`,
      ),
  }];
}

/** Looks at the settings themselves, and at the files that they name. */
export function settingsExaminations(config: Config): Examination[] {
  const checks = CHECKS.filter((check) => check.concerns(config)).map(
    ({ topic, run }): Examination => ({
      topic,
      async examine() {
        const warnings: Finding[] = [];
        await run(config, ({ wrong, mend }) => warnings.push(warn(wrong, mend)));
        return warnings.length > 0 ? warnings : ok("good");
      },
    }),
  );
  return [
    ...checks,
    ...examineNoCertificate(config),
    { topic: "relaying", examine: () => examineRelaying(config) },
    ...examineUi(config),
  ];
}
