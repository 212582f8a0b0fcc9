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

/** What hooks are told of a session. */
type Facts = Pick<
  Session,
  "id" | "remote" | "local" | "protocol" | "heloName" | "tls" | "account" | "upstream"
>;

/** What was last written of each session: it is asked about often, and seldom changes in between. */
const written = new WeakMap<Session, { readonly facts: Facts; readonly text: string }>();

/** Writes what hooks are told of a session. Its facts are looked up one by one: it has more than these. */
function sessionText(session: Session): string {
  const { id, remote, local, protocol, heloName, tls, account, upstream } = session;
  const last = written.get(session);
  if (
    last !== undefined && last.facts.remote === remote && last.facts.local === local &&
    last.facts.protocol === protocol && last.facts.heloName === heloName &&
    last.facts.tls === tls && last.facts.account === account && last.facts.upstream === upstream
  ) return last.text;
  const facts: Facts = { id, remote, local, protocol, heloName, tls, account, upstream };
  const text = JSON.stringify({
    ...facts,
    remote: { address: remote.address, port: remote.port },
    local: { address: local.address, port: local.port },
    tls: tls && {
      version: tls.version,
      cipher: tls.cipher,
      serverName: tls.serverName,
      clientFingerprint: tls.clientFingerprint,
    },
  });
  written.set(session, { facts, text });
  return text;
}

/** Writes a question as JSON. */
export function questionText(id: number, { step, session, facts }: HookQuestion): string {
  const args = [sessionText(session), ...facts.map((fact) => JSON.stringify(fact))];
  return `{"id":${id},"step":"${step}","args":[${args.join()}]}`;
}
