/** What hooks are asked, as it is written for them: the facts alone. @module */
import type { Session } from "../policy/session.ts";
import type { HookStep } from "./hooks_module.ts";

/** What a hook is asked. */
export interface HookQuestion {
  /** Which hook. */
  readonly step: HookStep;
  /** The session that waits for it. */
  readonly session: Session;
  /** What else the hook is given, before it is made JSON. */
  readonly facts: readonly unknown[];
  /** The message, where the hook may read one. */
  readonly content?: AsyncIterable<Uint8Array>;
}

/** What hooks are told of a session. Its facts are looked up one by one: a session has more than these. */
function sessionFacts(session: Session): Session {
  const { id, remote, local, protocol, heloName, tls, account, upstream } = session;
  return {
    id,
    remote: { address: remote.address, port: remote.port },
    local: { address: local.address, port: local.port },
    protocol,
    heloName,
    tls: tls && {
      version: tls.version,
      cipher: tls.cipher,
      serverName: tls.serverName,
      clientFingerprint: tls.clientFingerprint,
    },
    account,
    upstream,
  };
}

/** Writes a question as JSON. */
export function questionText(id: number, { step, session, facts }: HookQuestion): string {
  return JSON.stringify({ id, step, args: [sessionFacts(session), ...facts] });
}
