/** The routes by which something is done to messages. @module */
import type { InboxAction, ReleaseOptions } from "../inbox/inbox.ts";
import type { Search } from "../inbox/message_index.ts";
import { MOST_RECIPIENTS } from "../inbox/release.ts";
import { onlyMembers, textList } from "./body_members.ts";
import { SEARCH_PARAMETERS, searchOf } from "./query.ts";
import { badRequest, noSuchMessage, respondJson, WebError } from "./responses.ts";
import { type Call, idOf, type Route, type RouteServices } from "./route.ts";
import { objectOf, type Schema } from "./schema.ts";
import { ID, shape } from "./schemas.ts";

/** What is done, in the words of its route. */
const ACTIONS: readonly (readonly [InboxAction, string])[] = [
  ["hold", "Holds what is queued"],
  ["release", "Releases what is held"],
  ["retry", "Makes what is queued due now"],
  ["bounce", "Ends what is not delivered, and tells the sender"],
  ["seen", "Marks as looked at"],
  ["unseen", "Marks as not looked at"],
  ["remove", "Removes"],
];

/** The most ids of one request. */
const MOST_NAMED = 1000;

const ID_PATTERN = new RegExp(ID.pattern!);

const NO_BODY: Schema = objectOf({});

const SELECTION: Schema = {
  ...objectOf({}, {
    ids: { type: "array", items: ID, minItems: 1, maxItems: MOST_NAMED },
    all: { type: "boolean", const: true, description: "Every message, without a query." },
  }),
  description: "The messages, if no query chooses them. Ids and a query must both fit.",
};

const RELEASE: Schema = objectOf({}, {
  to: {
    type: "array",
    items: { type: "string" },
    minItems: 1,
    maxItems: MOST_RECIPIENTS,
    description: "Other recipients; those that it is held for stay as they are then.",
  },
  route: { type: "string", description: "A route as `--route` takes it." },
});

const NOTHING_HELD: Route["answers"] = {
  409: { description: "Nothing of it is held.", content: shape("Error") },
};

/** Reads which messages are meant: by their ids, by a query, or all. */
function selectionOf({ query, body = {} }: Call, now: number): Search {
  const search = searchOf(query, now);
  onlyMembers(body, ["ids", "all"]);
  const ids = textList(body, "ids", MOST_NAMED);
  if (ids?.some((id) => !ID_PATTERN.test(id))) {
    throw badRequest("Cannot use ids: an id is 16 letters and digits");
  }
  if (body.all !== undefined) {
    if (body.all !== true) throw badRequest("Cannot use all: give true, or leave it out");
    if (ids !== undefined || query.size > 0) {
      throw badRequest("Cannot take all, and ids or a query: give one of them");
    }
    return {};
  }
  if (ids === undefined && query.size === 0) {
    throw badRequest('Cannot tell which messages are meant: give ids, a query or { "all": true }');
  }
  return { ...search, ids };
}

/** Reads how a message is released. */
function releaseOf({ body = {} }: Call): ReleaseOptions {
  onlyMembers(body, ["to", "route"]);
  const { route } = body;
  if (route !== undefined && typeof route !== "string") {
    throw badRequest("Cannot use route: give text, such as smtp://mail.example.org");
  }
  return { to: textList(body, "to", MOST_RECIPIENTS), route };
}

/** The routes. */
export function actionRoutes({ inbox, clock, log }: RouteServices): Route[] {
  function done({ client, who }: Call, action: InboxAction, messages: number): Response {
    log("info", "web-action", { client, account: who, action, messages });
    return respondJson(202, { messages });
  }

  /** Does something to one message, which has to be there. */
  async function actOnOne(call: Call, action: InboxAction): Promise<Response> {
    onlyMembers(call.body ?? {}, []);
    const id = idOf(call);
    const messages = await inbox.act(action, { ids: [id] });
    if (messages === 0 && await inbox.ledger(id) === undefined) throw noSuchMessage(id);
    return done(call, action, messages);
  }

  async function release(call: Call): Promise<Response> {
    const id = idOf(call);
    const options = releaseOf(call);
    const isReleased = await inbox.release(id, options).catch((error) => {
      throw error instanceof SyntaxError ? badRequest(error.message) : error;
    });
    if (isReleased) return done(call, "release", 1);
    if (await inbox.ledger(id) === undefined) throw noSuchMessage(id);
    throw new WebError(409, `Nothing of message ${id} is held: name other recipients in "to"`);
  }

  const common = { share: "request" } as const;
  const accepted = { description: "It was done.", content: shape("Done") };
  return ACTIONS.flatMap(([action, summary]): Route[] => {
    const method = action === "remove" ? "DELETE" : "POST";
    const suffix = action === "remove" ? "" : `/${action}`;
    const isRelease = action === "release";
    return [{
      ...common,
      method,
      path: `/api/messages${suffix}`,
      summary: `${summary}: messages that are chosen`,
      query: SEARCH_PARAMETERS,
      body: SELECTION,
      answers: { 202: accepted },
      handle: async (call) =>
        done(call, action, await inbox.act(action, selectionOf(call, clock.now()))),
    }, {
      ...common,
      method,
      path: `/api/messages/{id}${suffix}`,
      summary: `${summary}: one message`,
      query: [],
      body: isRelease ? RELEASE : NO_BODY,
      answers: {
        202: accepted,
        404: { description: "There is no such message.", content: shape("Error") },
        ...(isRelease ? NOTHING_HELD : {}),
      },
      handle: isRelease ? release : (call) => actOnOne(call, action),
    }];
  });
}
