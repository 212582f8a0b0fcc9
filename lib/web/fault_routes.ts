/** The routes by which a test orders failures, and sees which have happened. @module */
import { parseFault } from "../policy/faults/fault_parser.ts";
import { type Faults, MAX_SEED, MOST_FAULTS } from "../policy/faults/faults.ts";
import { onlyMembers, textList } from "./body_members.ts";
import { badRequest, respondJson } from "./responses.ts";
import type { Call, Route, RouteServices } from "./route.ts";
import { COUNT, objectOf, type Schema } from "./schema.ts";
import { shape } from "./schemas.ts";

const SEED: Schema = { ...COUNT, maximum: MAX_SEED };

const ORDER: Schema = objectOf({
  rules: {
    type: "array",
    items: { type: "string", description: "A rule as `--fault` takes it." },
    minItems: 1,
    maxItems: MOST_FAULTS,
  },
}, { seed: { ...SEED, description: "What random rules are decided by; 0 if left out." } });

/** Reads the rules that are ordered, and puts them in force. */
function order(faults: Faults, { body }: Call): void {
  onlyMembers(body, ["rules", "seed"]);
  const { seed = 0 } = body;
  const texts = textList(body, "rules", MOST_FAULTS);
  if (texts === undefined) throw badRequest("Cannot order faults: give rules");
  if (typeof seed !== "number") {
    throw badRequest(`Cannot use seed: give a whole number from 0 to ${MAX_SEED}`);
  }
  try {
    faults.replace(texts.map(parseFault), { seed });
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof RangeError) {
      throw badRequest(error.message);
    }
    throw error;
  }
}

/** The routes; none where the server was not started for it. */
export function faultRoutes({ faults, log }: RouteServices): Route[] {
  if (faults === undefined) return [];
  const told = (): Response => respondJson(200, { faults: faults.report(), seed: faults.seed });

  /** Tells what is in force now, to the log as well. */
  function changed({ client, who }: Call): Response {
    const rules = faults!.report().length;
    log("info", "web-faults", { client, account: who, rules, seed: faults!.seed });
    return told();
  }

  const answers = {
    200: { description: "The faults that are in force.", content: shape("Faults") },
  };
  const common = { path: "/api/faults", query: [], answers, share: "request" } as const;
  return [{
    ...common,
    method: "GET",
    summary: "Tells the faults that are scripted, and how often each has happened",
    handle: () => Promise.resolve(told()),
  }, {
    ...common,
    method: "POST",
    summary: "Scripts these faults in place of all others",
    body: ORDER,
    // deno-lint-ignore require-await -- what throws is to reject
    async handle(call) {
      order(faults, call);
      return changed(call);
    },
  }, {
    ...common,
    method: "DELETE",
    summary: "Ends all faults",
    handle(call) {
      faults.replace([]);
      return Promise.resolve(changed(call));
    },
  }];
}
