/** Settings that cannot stand together. @module */
import type { Config } from "../config.ts";
import { ConfigError } from "./sources.ts";

/**
 * Holds that settings which are good by themselves are good together.
 *
 * @throws {ConfigError} for the first that are not
 */
export function checkTogether(config: Config): void {
  const { noQueue, route, routes, aliases } = config;
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
}

function checkTls({ tlsCert, tlsKey, tlsPort, certificates }: Config): void {
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
  if (tlsPort !== undefined && tlsCert === undefined && certificates.length === 0) {
    throw new ConfigError(
      "file",
      "--tls-port needs a certificate, and none is given",
      "give --tls-cert and --tls-key, or leave --tls-port out",
    );
  }
}
