/** Scripted failures, as settings ask for them. @module */
import type { Config } from "../config.ts";
import { ConfigError, shown } from "../config/sources.ts";
import type { Log } from "../net/log.ts";
import { serviceName } from "../net/service_name.ts";
import { Faults } from "../policy/faults/faults.ts";
import { servicesOf } from "./services.ts";

/**
 * The faults of the server; nothing where none are asked for.
 *
 * @throws {ConfigError} if one can never be
 */
export function faultsOf(config: Config): Faults | undefined {
  const { fault, faultSeed: seed, ui, users, maxSize } = config;
  if (fault.length === 0) return undefined;
  const rules = fault.filter((rule) => rule !== "none");
  if (rules.length < fault.length) {
    if (fault.length > 1) {
      throw new ConfigError("file", "--fault none stands beside others", "leave none out");
    }
    if (ui === undefined) {
      throw new ConfigError(
        "file",
        "--fault none leaves the rules to the API, and there is no --ui",
        "give --ui PORT, or a rule",
      );
    }
  }
  try {
    const faults = new Faults(rules, { seed });
    faults.bind({
      services: servicesOf(config).map(serviceName),
      tls: config.tlsCert !== undefined || config.certificates.length > 0,
      auth: users !== undefined,
      maxSize,
    });
    return faults;
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    const wrong = shown(error.message.replace(/^C/, "c"), 1000);
    throw new ConfigError("file", wrong, "change the rule, or leave it out");
  }
}

/** Says that not all is as it is meant to be. */
export function warnOfFaults(faults: Faults | undefined, log: Log): void {
  if (faults === undefined) return;
  log("warn", "faults-on", { rules: faults.report().length, seed: faults.seed });
}

/** Tells how often each fault has happened. */
export function logFaults(faults: Faults | undefined, log: Log): void {
  for (const { rule, matched, fired } of faults?.report() ?? []) {
    log("info", "fault-count", { rule, matched, fired });
  }
}
