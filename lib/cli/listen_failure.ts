/** Why a port cannot be bound, in one line. @module */
import { ListenError } from "../net/server.ts";
import { EXIT, Failure } from "./failure.ts";

/**
 * What lets others than root listen on low ports, where there is something. From source it is the Deno that
 * needs the right, which every other program would have as well.
 */
const GRANT = Deno.build.os !== "linux"
  ? ""
  : Deno.build.standalone
  ? "run setcap cap_net_bind_service=+ep on the executable, "
  : "run sysctl -w net.ipv4.ip_unprivileged_port_start=25, ";

/** What could not be bound. */
export interface BoundPlace {
  /** The port, and the address if one was given. */
  readonly where: string;
  /** The flag or key that sets the port. */
  readonly setBy: string;
}

/** Says in one line why nobody can listen there. What is no failure to listen stays as it is. */
export function listenFailure(failure: unknown, { where, setBy }: BoundPlace): unknown {
  if (!(failure instanceof ListenError)) return failure;
  const { cause: error } = failure;
  if (error instanceof Deno.errors.AddrInUse) {
    const mend = `stop what listens there, or take another port with ${setBy}`;
    return new Failure(EXIT.unavailable, `${where} is taken`, mend, error);
  }
  if (error instanceof Deno.errors.PermissionDenied) {
    const mend = `${GRANT}start smtpd as root, or take another port with ${setBy} 2525`;
    return new Failure(EXIT.noPermission, `no permission to listen on ${where}`, mend, error);
  }
  if (error instanceof Deno.errors.AddrNotAvailable) {
    const wrong = `cannot listen on ${where}, this computer has no such address`;
    const mend = `give one that it has to ${setBy === "--ui" ? setBy : "--host"}`;
    return new Failure(EXIT.unavailable, wrong, mend, error);
  }
  if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) return error;
  const wrong = `cannot listen on ${where} (${error.message})`;
  const mend = `give other values to ${setBy === "--ui" ? setBy : `--host or ${setBy}`}`;
  return new Failure(EXIT.unavailable, wrong, mend, error);
}
