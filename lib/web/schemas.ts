/** The shapes of what the API answers. What writes them is in `json.ts`. @module */
import { ERROR_CODES } from "./responses.ts";
import { COUNT, listOf, objectOf, type Schema, TEXT, TIME, TRUTH } from "./schema.ts";

/** The states of a message and of a recipient. */
export const STATES = ["held", "queued", "failed", "delivered", "removed"] as const;

/** What an id looks like: `queue/queue_id.ts` makes them. */
export const ID: Schema = { type: "string", pattern: "^[0-9a-z]{16}$" };

const STATE: Schema = { type: "string", enum: STATES };

/** Names a shape. */
export function shape(name: keyof typeof SHAPES): Schema {
  return { $ref: `#/components/schemas/${name}` };
}

const REPLY = objectOf({ code: COUNT, lines: listOf(TEXT) }, { enhanced: TEXT });

const SUMMARY: Readonly<Record<string, Schema>> = {
  id: ID,
  state: STATE,
  from: { ...TEXT, description: "The reverse-path; empty for the null reverse-path." },
  to: { ...listOf(TEXT), description: "Recipients of the envelope, 100 at most." },
  recipients: { ...COUNT, description: "How many recipients there are." },
  subject: TEXT,
  size: COUNT,
  received: TIME,
  attachments: COUNT,
  preview: TEXT,
  seen: TRUTH,
};

const ADDRESSES = listOf(objectOf({ name: TEXT, address: TEXT }));

const MESSAGE = objectOf({
  ...SUMMARY,
  headerFrom: ADDRESSES,
  headerTo: ADDRESSES,
  cc: ADDRESSES,
  replyTo: ADDRESSES,
  text: TEXT,
  parts: listOf(objectOf(
    { index: COUNT, type: TEXT, inline: TRUTH, size: COUNT },
    { name: TEXT, contentId: TEXT },
  )),
  links: listOf(TEXT),
  codes: listOf(TEXT),
  envelope: listOf(objectOf(
    { to: TEXT, state: STATE, attempts: COUNT },
    { due: TIME, lastReply: REPLY },
  )),
}, {
  date: TIME,
  messageId: TEXT,
  html: { ...TEXT, description: "As it came: hostile until proven otherwise." },
  problem: { ...TEXT, description: "Why the message was not read as a whole." },
});

const LEDGER = objectOf({
  id: ID,
  from: TEXT,
  size: COUNT,
  accepted: TIME,
  expires: TIME,
  origin: objectOf(
    { client: TEXT, protocol: TEXT },
    { heloName: TEXT, session: TEXT, tls: TEXT, account: TEXT },
  ),
  recipients: listOf(objectOf({ to: TEXT, state: STATE, attempts: COUNT, delayTold: TRUTH }, {
    due: TIME,
    lastReply: REPLY,
    notify: {
      oneOf: [
        { type: "string", enum: ["never"] },
        listOf({ type: "string", enum: ["success", "failure", "delay"] }),
      ],
    },
    orcpt: TEXT,
    route: TEXT,
    rewrittenFrom: TEXT,
  })),
  attempts: listOf(objectOf({
    begun: TIME,
    ended: TIME,
    outcomes: listOf(objectOf({ state: STATE, reply: REPLY }, { to: TEXT, due: TIME })),
  }, {
    host: TEXT,
    address: TEXT,
    tls: objectOf({ version: TEXT, cipher: TEXT, isVerified: TRUTH }, { problem: TEXT }),
  })),
}, {
  body: TEXT,
  smtpUtf8: TRUTH,
  ret: TEXT,
  envid: TEXT,
  requireTls: TRUTH,
  tlsRequiredNo: TRUTH,
  headerChanges: listOf(TEXT),
});

const ERROR = objectOf({ code: { type: "string", enum: ERROR_CODES }, message: TEXT });
const LIST_ITEM: Schema = { $ref: "#/components/schemas/ListItem" };

/** Every shape that has a name. */
export const SHAPES = {
  ListItem: objectOf(SUMMARY),
  List: objectOf({ messages: listOf(LIST_ITEM) }, {
    next: { ...TEXT, description: "The cursor of the next page, which may be an empty one." },
  }),
  Message: MESSAGE,
  Headers: objectOf({ headers: listOf(objectOf({ name: TEXT, value: TEXT })) }),
  Ledger: LEDGER,
  Counts: objectOf({
    total: { ...COUNT, description: "All but those that are removed." },
    unseen: COUNT,
    states: objectOf(Object.fromEntries(STATES.map((state) => [state, COUNT]))),
  }),
  Faults: objectOf({
    faults: listOf(objectOf({
      rule: TEXT,
      matched: { ...COUNT, description: "How often its step and conditions were met." },
      fired: COUNT,
    })),
    seed: COUNT,
  }),
  Done: objectOf({ messages: { ...COUNT, description: "How many messages it was for." } }),
  Error: objectOf({ error: ERROR }),
  NotArrived: objectOf({ error: ERROR, arrived: listOf(LIST_ITEM) }),
} as const satisfies Readonly<Record<string, Schema>>;
