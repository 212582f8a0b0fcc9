/** Reads the rules of scripted failures. @module */
import { type Reply, reply } from "../../smtp/reply.ts";
import { parseCidr } from "../network.ts";
import { parseDuration, parseSize, parseWholeNumber } from "../quantity.ts";
import {
  type FaultConditions,
  type FaultEffect,
  type FaultRule,
  type FaultStep,
  type FaultTurns,
  problemAt,
  REPLY_STEPS,
  type ServiceName,
  STEPS,
} from "./fault_rule.ts";

/** The longest rule in characters: with its text a reply is still below 512 octets (RFC 5321 section 4.5.3.1.5). */
const MAX_RULE = 400;

/** The longest delay in milliseconds: as long as a session may last where nothing else is said. */
const MAX_DELAY = 60 * 60_000;

const SERVICES: readonly ServiceName[] = ["smtp", "smtps", "submission", "submissions"];

/** A word of a rule that cannot be used: what is wrong, and what to write. */
class BadWord extends Error {}

/** What is read of the words in front of the effect. */
type Writable<T> = { -readonly [K in keyof T]: T[K] };
interface Head {
  readonly conditions: Writable<FaultConditions>;
  readonly turns: Writable<FaultTurns>;
}

function count(name: string, value: string, least: number): number {
  const number = parseWholeNumber(value);
  if (number === undefined || number < least || number > 1_000_000_000) {
    throw new BadWord(`${name}=${value} is no number; write ${name}=3 or the like`);
  }
  return number;
}

function percentage(value: string): number {
  const number = /^[0-9]{1,3}(?:\.[0-9]{1,4})?%$/.test(value) ? Number(value.slice(0, -1)) : 0;
  if (number <= 0 || number > 100) {
    throw new BadWord(`chance=${value} is no percentage above 0; write chance=10% or the like`);
  }
  return number / 100;
}

function network(value: string): NonNullable<FaultConditions["client"]> {
  try {
    return parseCidr(value);
  } catch {
    throw new BadWord(`client=${value} is no network; write client=192.0.2.0/24 or the like`);
  }
}

function service(value: string): ServiceName {
  const name = SERVICES.find((name) => name === value);
  if (name === undefined) {
    throw new BadWord(`service=${value} is none; write one of ${SERVICES.join(", ")}`);
  }
  return name;
}

function size(value: string): number {
  const octets = parseSize(value);
  if (octets === undefined) {
    throw new BadWord(`after=${value} is no size; write after=10KB or the like`);
  }
  return octets;
}

const CONDITIONS: ReadonlyMap<string, (head: Head, value: string) => void> = new Map<
  string,
  (head: Head, value: string) => void
>([
  ["from", ({ conditions }, value) => void (conditions.from = value)],
  ["to", ({ conditions }, value) => void (conditions.to = value)],
  ["client", ({ conditions }, value) => void (conditions.client = network(value))],
  ["helo", ({ conditions }, value) => void (conditions.helo = value)],
  ["service", ({ conditions }, value) => void (conditions.service = service(value))],
  ["after", ({ conditions }, value) => void (conditions.after = size(value))],
  ["skip", ({ turns }, value) => void (turns.skip = count("skip", value, 1))],
  ["times", ({ turns }, value) => void (turns.times = count("times", value, 1))],
  ["every", ({ turns }, value) => void (turns.every = count("every", value, 2))],
  ["chance", ({ turns }, value) => void (turns.chance = percentage(value))],
]);

/** Reads the words with an equals sign. */
function readHead(words: readonly string[]): Head {
  const head: Head = {
    conditions: {},
    turns: { skip: 0, every: 1, chance: 1, times: Infinity },
  };
  const seen = new Set<string>();
  for (const word of words) {
    const [, name, value] = /^([^=]*)=(.*)$/.exec(word)!;
    const read = CONDITIONS.get(name);
    if (read === undefined) {
      const names = [...CONDITIONS.keys()].join(", ");
      throw new BadWord(`there is no condition ${name}=; write one of ${names}`);
    }
    if (value === "") throw new BadWord(`${name}= is empty; write a value behind it`);
    if (seen.has(name)) throw new BadWord(`${name}= is there twice; write it once`);
    seen.add(name);
    read(head, value);
  }
  return head;
}

/** Refusals alone: a positive reply to what was not done would be a lie. */
function readReply([code, ...words]: readonly string[]): Reply {
  if (code === undefined || !/^[45][0-5][0-9]$/.test(code)) {
    throw new BadWord("reply needs a code of 4yz or 5yz; write reply 451 or the like");
  }
  let enhanced = `${code[0]}.0.0`;
  if (words.length > 0 && /^[0-9]\.[0-9]{1,3}\.[0-9]{1,3}$/.test(words[0])) {
    [enhanced] = words.splice(0, 1);
    // RFC 2034 section 4.
    if (enhanced[0] !== code[0]) {
      throw new BadWord(
        `${enhanced} does not go with ${code}; write ${code[0]}${enhanced.slice(1)}`,
      );
    }
  }
  const text = words.join(" ");
  if (/[^\x20-\x7e]/.test(text)) throw new BadWord("a reply is ASCII; write its text so");
  return reply(Number(code), enhanced, text || "Scripted failure");
}

function time(verb: string, words: readonly string[]): number {
  const milliseconds = words.length === 1 ? parseDuration(words[0]) : undefined;
  if (milliseconds === undefined || milliseconds > MAX_DELAY) {
    throw new BadWord(`${verb} needs a duration of 1h at most; write ${verb} 500ms or the like`);
  }
  return milliseconds;
}

const EFFECTS = ["reply", "delay", "slow", "drop", "hang", "fail"] as const;

function readEffect([verb, ...words]: readonly string[]): FaultEffect {
  const kind = EFFECTS.find((kind) => kind === verb);
  switch (kind) {
    case "reply":
      return { kind, reply: readReply(words) };
    case "delay":
      return { kind, duration: time(kind, words) };
    case "slow":
      return { kind, interval: time(kind, words) };
    case undefined:
      throw new BadWord(
        verb === undefined
          ? `it says nothing of what to do; write one of ${EFFECTS.join(", ")} at its end`
          : `there is nothing called ${verb} to do; write one of ${EFFECTS.join(", ")}`,
      );
    default:
      if (words.length > 0) throw new BadWord(`nothing may follow ${kind}; write ${kind} alone`);
      return { kind };
  }
}

function stepsOf(word: string, conditions: FaultConditions, effect: FaultEffect): FaultStep[] {
  if (word === "any") {
    const steps = REPLY_STEPS.filter((step) => problemAt(step, conditions, effect) === undefined);
    if (steps.length > 0) return steps;
    throw new BadWord("it can happen at no step that has a reply; write tls or content for any");
  }
  const step = (Object.keys(STEPS) as FaultStep[]).find((step) => step === word);
  if (step === undefined) {
    const names = [...Object.keys(STEPS), "any"].join(", ");
    throw new BadWord(`there is no step ${word}; write one of ${names} first`);
  }
  const problem = problemAt(step, conditions, effect);
  if (problem !== undefined) throw new BadWord(problem);
  return [step];
}

/**
 * Reads a scripted failure.
 *
 * ```abnf
 * rule      = step *( SP condition ) SP effect
 * step      = "connect" / "helo" / "ehlo" / "starttls" / "tls" / "auth" / "mail"
 *           / "rcpt" / "data" / "content" / "end" / "quit" / "any"
 * condition = "from=" pattern / "to=" pattern / "helo=" pattern
 *           / "client=" network / "service=" service / "after=" size
 *           / "skip=" number / "every=" number / "chance=" percent / "times=" number
 * effect    = "reply" SP code [ SP enhanced ] [ SP text ]
 *           / "delay" SP duration / "slow" SP duration
 *           / "drop" / "hang" / "fail"
 * pattern   = 1*VCHAR                   ; "*" is any characters; "<>" the null reverse-path
 * service   = "smtp" / "smtps" / "submission" / "submissions"
 * percent   = 1*3DIGIT [ "." 1*4DIGIT ] "%"
 * code      = ( "4" / "5" ) %x30-35 DIGIT
 * enhanced  = DIGIT "." 1*3DIGIT "." 1*3DIGIT  ; of the class of the code
 * ```
 *
 * Sizes and durations are written as everywhere (`10KB`, `500ms`); a duration is an hour at most, a rule
 * 400 characters. There is no comma in the grammar, since lists of rules may be separated by commas.
 *
 * @example
 * ```ts
 * import { parseFault } from "@smtpd/smtpd";
 *
 * const rule = parseFault("rcpt to=*@slow.test skip=1 times=2 reply 451 4.2.1 Try again later");
 * console.log(rule.steps); // [ "rcpt" ]
 * ```
 *
 * @throws {SyntaxError} if it cannot be read, or can never happen; the message says what to write
 */
export function parseFault(text: string): FaultRule {
  try {
    if (text.length > MAX_RULE) throw new BadWord(`it is too long; write ${MAX_RULE} characters`);
    if (/[\x00-\x1f\x7f]/.test(text)) throw new BadWord("it has control characters; write none");
    const [step, ...words] = text.trim().split(/ +/);
    const first = words.findIndex((word) => !word.includes("="));
    const end = first < 0 ? words.length : first;
    const { conditions, turns } = readHead(words.slice(0, end));
    const effect = readEffect(words.slice(end));
    return {
      text: text.trim(),
      steps: stepsOf(step, conditions, effect),
      conditions,
      turns,
      effect,
    };
  } catch (error) {
    if (!(error instanceof BadWord)) throw error;
    const shown = JSON.stringify(text.slice(0, MAX_RULE));
    throw new SyntaxError(`Cannot read the fault rule ${shown}: ${error.message}`);
  }
}
