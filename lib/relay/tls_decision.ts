/**
 * Whether a message may go over a session to a host, by what is known of the TLS in it. What the
 * operator asks for, what the domain asks for (MTA-STS, RFC 8461) and what the sender asks for (RFC
 * 8689) all have to be met.
 *
 * @module
 */
import type { ClientTlsFacts } from "../net/tls_transport.ts";
import type { MailParameters } from "../smtp/envelope.ts";
import { type Reply, reply } from "../smtp/reply.ts";
import type { StsPolicy } from "./mta_sts/policy.ts";
import type { TlsLevel } from "./tls_policy.ts";

/** What is known of the session, once TLS was begun or cannot be. */
export interface HopTls {
  /** The name of the host. */
  readonly host: string;
  /** Whether the operator gave the name, so that nobody can have slipped in another. */
  readonly isNamed?: boolean;
  /** Whether it offers STARTTLS. A host that is spoken to in TLS from the start does. */
  readonly offersStartTls: boolean;
  /** What was agreed on; left out where TLS was not begun, or could not be. */
  readonly tls?: ClientTlsFacts;
  /** Why TLS could not be begun although it is offered; printable. */
  readonly problem?: string;
  /** Whether the reply to EHLO inside TLS offers REQUIRETLS. */
  readonly offersRequireTls?: boolean;
}

/** What the sender of the message asks for. */
export interface SenderTls {
  /** The parameter REQUIRETLS of MAIL (RFC 8689 section 2). */
  readonly requireTls?: boolean;
  /** The header field `TLS-Required: No` (RFC 8689 section 3). */
  readonly tlsRequiredNo?: boolean;
}

/** Mail may not go this way. */
export interface TlsRefusal {
  readonly kind: "refuse";
  /** Why not: 4yz where it may be mended, 5yz where the sender has to know. */
  readonly reply: Reply;
}

/** Whether mail may go this way. */
export type TlsDecision =
  | {
    readonly kind: "go";
    /** What the log shall tell all the same. */
    readonly note?: string;
  }
  | TlsRefusal;

/** What the sender of a message asks for, by its envelope. */
export function senderTlsOf({ reversePath, requireTls, tlsRequiredNo }: MailParameters): SenderTls {
  // RFC 8689 section 5: a notice is not to be lost for want of what it asks for.
  return { requireTls: requireTls === true && reversePath !== null, tlsRequiredNo };
}

const GO: TlsDecision = { kind: "go" };

function refuse(code: number, enhanced: string, text: string): TlsDecision {
  return { kind: "refuse", reply: reply(code, enhanced, text) };
}

/**
 * Tells whether the policy of the domain stands in the way of a host before anybody connects to it, so
 * that the next one is tried.
 *
 * @param host the name in the MX record
 */
export function decideHost(
  policy: StsPolicy | undefined,
  host: string,
  { requireTls = false, tlsRequiredNo = false }: SenderTls = {},
): TlsDecision {
  if (policy === undefined || (tlsRequiredNo && !requireTls) || policy.mayUse(host)) return GO;
  const text = `${host} is no mail host in the MTA-STS policy of ${policy.domain}`;
  // RFC 8461 section 5: a host that does not fit is passed over; the domain may mend its policy.
  return policy.mode === "enforce" ? refuse(451, "4.7.0", text) : { kind: "go", note: text };
}

/** Says what is missing in a session for TLS that proves who the host is. */
function shortcoming(
  hop: HopTls,
): { readonly enhanced: string; readonly text: string } | undefined {
  const { host, offersStartTls, tls, problem } = hop;
  if (tls?.isVerified) return undefined;
  if (tls !== undefined) {
    const why = tls.problem === undefined ? "" : `: ${tls.problem}`;
    return { enhanced: "4.7.5", text: `The certificate of ${host} is not verified${why}` };
  }
  if (!offersStartTls) return { enhanced: "4.7.4", text: `${host} does not offer STARTTLS` };
  const why = problem === undefined ? "" : `: ${problem}`;
  return { enhanced: "4.7.5", text: `TLS with ${host} cannot be begun${why}` };
}

/**
 * Decides about a session, before MAIL. To `go` where TLS could not be begun means in plaintext.
 *
 * The sender's `TLS-Required: No` sets aside the policy of the domain, but not what the operator asks
 * for; with REQUIRETLS it means nothing (RFC 8689 section 3).
 *
 * @param level what the operator asks for
 * @param policy what the domain asks for, if it asks for anything
 */
export function decideTls(
  level: TlsLevel,
  policy: StsPolicy | undefined,
  hop: HopTls,
  sender: SenderTls = {},
): TlsDecision {
  const { host, tls } = hop;
  const { requireTls = false, tlsRequiredNo = false } = sender;
  const binding = tlsRequiredNo && !requireTls ? undefined : policy;
  const fit = decideHost(binding, host, sender);
  if (fit.kind === "refuse") return fit;
  const lack = shortcoming(hop);
  if (requireTls) {
    const refusal = refuseRequireTls(level, binding, hop, lack?.text);
    if (refusal !== undefined) return refusal;
  }
  if (lack !== undefined && binding?.mode === "enforce") {
    const text = `${lack.text}; the MTA-STS policy of ${binding.domain} asks for it`;
    return refuse(451, lack.enhanced, text);
  }
  if (lack !== undefined && (level === "verify" || (level === "require" && tls === undefined))) {
    return refuse(451, lack.enhanced, `${lack.text}; this server sends no mail there without`);
  }
  if (fit.note !== undefined) return fit;
  if (lack === undefined || binding === undefined) {
    // Plaintext because TLS failed is worth a word, plaintext because there is none is not.
    return lack !== undefined && tls === undefined && hop.offersStartTls
      ? { kind: "go", note: lack.text }
      : GO;
  }
  return {
    kind: "go",
    note: `${lack.text}; the MTA-STS policy of ${binding.domain} is in testing`,
  };
}

/**
 * RFC 8689 section 4.2.1: the name of the host has to come from somewhere that can be trusted, its
 * certificate has to fit, and it has to promise to ask the same of those behind it.
 */
function refuseRequireTls(
  level: TlsLevel,
  policy: StsPolicy | undefined,
  { host, isNamed = false, tls, offersStartTls, offersRequireTls = false }: HopTls,
  lack: string | undefined,
): TlsDecision | undefined {
  const asked = "the sender asks for REQUIRETLS";
  if (lack !== undefined) {
    // A handshake that fails may succeed another time; what is not offered, or not vouched for, is told.
    return tls === undefined && offersStartTls
      ? refuse(451, "4.7.5", `${lack}; ${asked}`)
      : refuse(550, "5.7.30", `${lack}; ${asked}`);
  }
  if (!isNamed && !(policy?.mayUse(host) ?? false) && level !== "verify") {
    return refuse(550, "5.7.30", `Nothing vouches for the name of ${host}; ${asked}`);
  }
  return offersRequireTls
    ? undefined
    : refuse(550, "5.7.30", `${host} does not offer REQUIRETLS; ${asked}`);
}
