/** What the server does at which port. @module */
import { type Config, OPTIONS } from "../config.ts";
import { flagName, type Key } from "../config/names.ts";
import type { Service } from "../net/server_options.ts";

/** A service by its name in the log, and the setting of its port. */
interface Kind extends Omit<Service, "port"> {
  readonly name: string;
  readonly key: "port" | "tlsPort" | "submissionPort" | "submissionTlsPort";
}

/** The names are those of services(5). */
const KINDS: readonly Kind[] = [
  { name: "smtp", key: "port" },
  { name: "smtps", key: "tlsPort", implicitTls: true },
  { name: "submission", key: "submissionPort", submission: true },
  { name: "submissions", key: "submissionTlsPort", implicitTls: true, submission: true },
];

function kindOf({ implicitTls = false, submission = false }: Service): Kind {
  return KINDS.find((kind) =>
    (kind.implicitTls ?? false) === implicitTls && (kind.submission ?? false) === submission
  )!;
}

/** The services that settings ask for. */
export function servicesOf(config: Config): Service[] {
  return KINDS.flatMap(({ key, implicitTls, submission }) => {
    const port = config[key];
    return port === undefined ? [] : [{ port, implicitTls, submission }];
  });
}

/** The name of a service in the log. */
export function serviceName(service: Service): string {
  return kindOf(service).name;
}

/** How the port of a service is set: by a flag, or by a key of the config file. */
export function portSetBy(service: Service): string {
  const key: Key = kindOf(service).key;
  return OPTIONS[key].fileOnly ? key : `--${flagName(key)}`;
}
