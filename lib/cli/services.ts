/** What the server does at which port. @module */
import { type Config, OPTIONS } from "../config.ts";
import { flagName, type Key } from "../config/names.ts";
import type { Service } from "../net/server_options.ts";
import { serviceName } from "../net/service_name.ts";

/** A service, and the setting of its port. */
interface Kind extends Omit<Service, "port"> {
  readonly key: "port" | "tlsPort" | "submissionPort" | "submissionTlsPort";
}

const KINDS: readonly Kind[] = [
  { key: "port" },
  { key: "tlsPort", implicitTls: true },
  { key: "submissionPort", submission: true },
  { key: "submissionTlsPort", implicitTls: true, submission: true },
];

/** The services that settings ask for. */
export function servicesOf(config: Config): Service[] {
  return KINDS.flatMap(({ key, implicitTls, submission }) => {
    const port = config[key];
    return port === undefined ? [] : [{ port, implicitTls, submission }];
  });
}

/** How the port of a service is set: by a flag, or by a key of the config file. */
export function portSetBy(service: Service): string {
  const name = serviceName(service);
  const { key }: { readonly key: Key } = KINDS.find((kind) => serviceName(kind) === name)!;
  return OPTIONS[key].fileOnly ? key : `--${flagName(key)}`;
}
