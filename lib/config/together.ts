/** Settings that cannot stand together. @module */
import type { Config } from "../config.ts";
import { ConfigError } from "./sources.ts";

/**
 * Holds that settings which are good by themselves are good together.
 *
 * @throws {ConfigError} for the first that are not
 */
export function checkTogether({ noQueue, route, routes, aliases }: Config): void {
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
