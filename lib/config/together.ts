/** Settings that cannot stand together. @module */
import type { Config } from "../config.ts";
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
}
