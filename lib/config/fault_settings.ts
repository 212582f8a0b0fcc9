/** What fails on purpose, for tests of clients. @module */
import { parseFault } from "../policy/faults/fault_parser.ts";
import type { FaultRule } from "../policy/faults/fault_rule.ts";
import { MAX_SEED } from "../policy/faults/faults.ts";
import { one, type Options, several } from "./option.ts";
import { readBy, type Value, wholeNumber } from "./values.ts";

/** What fails on purpose. */
export interface FaultSettings {
  /** The rules; `none` alone leaves them to the API. */
  readonly fault: readonly (FaultRule | "none")[];
  /** What random rules are decided by. */
  readonly faultSeed: number;
}

const rule: Value<FaultRule | "none"> = readBy(
  (text) => text === "none" ? text : parseFault(text),
  "see Faults for tests in the README",
);

/** These settings by their keys, in the order of the help. */
export const FAULT_OPTIONS: Options<FaultSettings> = {
  fault: several(rule, {
    meaning: "a scripted failure, for tests: STEP CONDITION ... EFFECT; or none, for the API alone",
    placeholder: "RULE",
    byDefault: [],
  }),
  faultSeed: one(wholeNumber(0, MAX_SEED), {
    meaning: "what random faults are decided by: the same ones for the same number",
    placeholder: "N",
    byDefault: "0",
  }),
};
