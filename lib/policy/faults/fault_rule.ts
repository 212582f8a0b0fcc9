/** What a scripted failure is: where it happens, to whom, how often, and what it does. @module */
import type { Reply } from "../../smtp/reply.ts";
import type { Cidr } from "../network.ts";

/** What a server does at a port, by the names of services(5). */
export type ServiceName = "smtp" | "smtps" | "submission" | "submissions";

/** Where in a session a failure can be. */
export type FaultStep =
  /** The greeting. */
  | "connect"
  /** The reply to HELO. */
  | "helo"
  /** The reply to EHLO, or in LMTP to LHLO. */
  | "ehlo"
  /** The reply to STARTTLS. */
  | "starttls"
  /** The handshake, behind STARTTLS or at the beginning. */
  | "tls"
  /** The reply to AUTH. */
  | "auth"
  /** The reply to MAIL. */
  | "mail"
  /** The reply to RCPT. */
  | "rcpt"
  /** The reply to DATA, or to the BDAT chunk that begins a message. */
  | "data"
  /** The midst of the mail data. */
  | "content"
  /** The reply to a whole message. */
  | "end"
  /** The reply to QUIT. */
  | "quit";

/** What is done in place of what would be. Times are in milliseconds. */
export type FaultEffect =
  /** Refuses with a reply. A message that has come is not kept. */
  | { readonly kind: "reply"; readonly reply: Reply }
  /** Lets the client wait, and goes on as ever. */
  | { readonly kind: "delay"; readonly duration: number }
  /** Goes on as ever, and writes the reply octet by octet, so long apart. */
  | { readonly kind: "slow"; readonly interval: number }
  /** Closes the connection without a reply. A message that has come is not kept. */
  | { readonly kind: "drop" }
  /** Says nothing more until the client gives up, or has been silent for too long. */
  | { readonly kind: "hang" }
  /** Ends the handshake with the alert `handshake_failure` (RFC 8446 section 6.2). */
  | { readonly kind: "fail" };

/** What has to be so for a rule to match. What is left out is not looked at. */
export interface FaultConditions {
  /** The reverse-path: a pattern, in which `*` stands for any characters and case does not matter. */
  readonly from?: string;
  /** The forward-path, or one of those that were accepted; a pattern. */
  readonly to?: string;
  /** The address of the client. */
  readonly client?: Cidr;
  /** What the client calls itself; a pattern. */
  readonly helo?: string;
  /** The service that it has come to. */
  readonly service?: ServiceName;
  /** How many octets of mail data have come. */
  readonly after?: number;
}

/** Which of the matches a rule fires at. */
export interface FaultTurns {
  /** How many matches pass first. */
  readonly skip: number;
  /** Behind those, it is every so many that is meant: each with 1. */
  readonly every: number;
  /** The share of those at which it fires, above 0 and up to 1. */
  readonly chance: number;
  /** How often it fires at most; `Infinity` for always. */
  readonly times: number;
}

/** One scripted failure. {@linkcode parseFault} makes one of text. */
export interface FaultRule {
  /** As it was written. */
  readonly text: string;
  /** Where it happens: one step, or all that its conditions and its effect allow. */
  readonly steps: readonly FaultStep[];
  /** What has to be so. */
  readonly conditions: FaultConditions;
  /** How often. */
  readonly turns: FaultTurns;
  /** What it does. */
  readonly effect: FaultEffect;
}

/** What can be said of a step. */
interface StepFacts {
  /** The conditions that are not known at it. */
  readonly lacks: readonly (keyof FaultConditions)[];
  readonly effects: readonly FaultEffect["kind"][];
}

const ANSWERED = ["reply", "delay", "slow", "drop", "hang"] as const;
const OUTSIDE = ["from", "to", "after"] as const;

/** What is known at each step, and what can be done there. */
export const STEPS: Readonly<Record<FaultStep, StepFacts>> = {
  connect: { lacks: [...OUTSIDE, "helo"], effects: ANSWERED },
  helo: { lacks: OUTSIDE, effects: ANSWERED },
  ehlo: { lacks: OUTSIDE, effects: ANSWERED },
  starttls: { lacks: OUTSIDE, effects: ANSWERED },
  tls: { lacks: OUTSIDE, effects: ["fail", "delay", "drop", "hang"] },
  auth: { lacks: OUTSIDE, effects: ANSWERED },
  mail: { lacks: ["to", "after"], effects: ANSWERED },
  rcpt: { lacks: ["after"], effects: ANSWERED },
  data: { lacks: ["after"], effects: ANSWERED },
  content: { lacks: [], effects: ["delay", "drop", "hang"] },
  end: { lacks: ["after"], effects: ANSWERED },
  // RFC 5321 section 4.1.1.10: there is no other reply than 221.
  quit: { lacks: OUTSIDE, effects: ["delay", "slow", "drop", "hang"] },
};

/** The steps that `any` stands for: those that end in a reply. */
export const REPLY_STEPS: readonly FaultStep[] = [
  "connect",
  "helo",
  "ehlo",
  "starttls",
  "auth",
  "mail",
  "rcpt",
  "data",
  "end",
  "quit",
];

/** Why a rule can never fire at a step; `undefined` where it can. */
export function problemAt(
  step: FaultStep,
  conditions: FaultConditions,
  { kind }: FaultEffect,
): string | undefined {
  const { lacks, effects } = STEPS[step];
  const lacking = lacks.find((name) => conditions[name] !== undefined);
  if (lacking !== undefined) return `${lacking}= is not known at ${step}; write another step`;
  if (effects.includes(kind)) return undefined;
  return `${kind} cannot be done at ${step}; write one of ${effects.join(", ")}`;
}
