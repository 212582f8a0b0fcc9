/** Settings that cannot stand together. @module */
import type { Config } from "../config.ts";
import { isLoopback } from "../policy/network.ts";
import { ConfigError, shown } from "./sources.ts";

/** Lists in which a domain may stand once. */
const BY_DOMAIN = ["routes", "tlsPolicy", "concurrency", "rate"] as const;

function firstDouble(names: readonly string[]): string | undefined {
  const seen = new Set<string>();
  return names.find((name) => seen.size === seen.add(name).size);
}

/**
 * Holds that settings which are good by themselves are good together.
 *
 * @throws {ConfigError} for the first that are not
 */
export function checkTogether(config: Config): void {
  const { noQueue, route, routes, aliases } = config;
  for (const key of BY_DOMAIN) {
    const twice = firstDouble(config[key].map(({ domain }) => domain));
    if (twice === undefined) continue;
    throw new ConfigError("file", `${key} has ${shown(twice)} twice`, "keep one");
  }
  if (noQueue && [route, ...routes.map(({ value }) => value)].some(({ kind }) => kind === "hold")) {
    throw new ConfigError(
      "file",
      "the route hold needs the queue, and --no-queue is given",
      "leave one of them out",
    );
  }
  if (noQueue && aliases !== undefined) {
    throw new ConfigError(
      "file",
      "aliases need the queue, and --no-queue is given",
      "leave one of them out",
    );
  }
  checkTls(config);
  checkUi(config);
  checkGrants(config);
}

/** What hooks may do is for hooks. */
function checkGrants(config: Config): void {
  const given = (["hooksNet", "hooksRead", "hooksEnv"] as const)
    .find((key) => config[key].length > 0);
  if (given === undefined || config.hooks !== undefined) return;
  throw new ConfigError(
    "file",
    `${given} is given, and there are no hooks`,
    `give --hooks FILE, or leave ${given} out`,
  );
}

/** The inbox looks into the queue, and is open to those alone who work on this host or prove who they are. */
function checkUi({ ui, noQueue, users, uiTokenFile }: Config): void {
  if (ui === undefined) return;
  if (noQueue) {
    throw new ConfigError(
      "file",
      "--ui shows the queue, and --no-queue is given",
      "leave one of them out",
    );
  }
  const { address } = ui;
  if (isLoopback(address) || users !== undefined || uiTokenFile !== undefined) return;
  throw new ConfigError(
    "file",
    `--ui on ${address} lets in whoever comes`,
    "give accounts with --users, or uiTokenFile in the config file, or leave the address out",
  );
}

/** Settings of ports where TLS begins at once, and of ports where mail is submitted. */
const TLS_PORTS = [["tlsPort", "--tls-port"], ["submissionTlsPort", "submissionTlsPort"]] as const;
const SUBMISSION_PORTS = [
  ["submissionPort", "--submission-port"],
  ["submissionTlsPort", "submissionTlsPort"],
] as const;

function checkTls(config: Config): void {
  const { tlsCert, tlsKey, certificates } = config;
  if ((tlsCert === undefined) !== (tlsKey === undefined)) {
    const [given, other] = tlsKey === undefined
      ? ["--tls-cert", "--tls-key"]
      : ["--tls-key", "--tls-cert"];
    throw new ConfigError(
      "file",
      `${given} is given and ${other} is not`,
      `give ${other} as well; both may name the same file`,
    );
  }
  const hasTls = tlsCert !== undefined || certificates.length > 0;
  for (const [key, name] of TLS_PORTS) {
    if (config[key] === undefined || hasTls) continue;
    throw new ConfigError(
      "file",
      `${name} needs a certificate, and none is given`,
      `give --tls-cert and --tls-key, or leave ${name} out`,
    );
  }
  if (config.relayCertificates.length > 0 && !hasTls) {
    throw new ConfigError(
      "file",
      "relayCertificates are shown in TLS alone, and there is no certificate of the server",
      "give --tls-cert and --tls-key, or leave them out",
    );
  }
  for (const [key, name] of SUBMISSION_PORTS) {
    if (config[key] === undefined || config.users !== undefined) continue;
    throw new ConfigError(
      "file",
      `${name} needs accounts, and there are none`,
      `give --users FILE, or leave ${name} out`,
    );
  }
  if (config.users !== undefined && !hasTls && !config.authWithoutTls) {
    throw new ConfigError(
      "file",
      "nobody can use the accounts of --users without TLS",
      "give --tls-cert and --tls-key, or --auth-without-tls",
    );
  }
}
