/** What services are called. @module */
import type { ServiceName } from "../policy/faults/fault_rule.ts";
import type { Service } from "./server_options.ts";

/** The name of a service, in logs and in the rules of scripted failures. */
export function serviceName({ implicitTls, submission }: Omit<Service, "port">): ServiceName {
  if (submission) return implicitTls ? "submissions" : "submission";
  return implicitTls ? "smtps" : "smtp";
}
