/**
 * The part of Mailpit's API, version 1, that its published clients use, so that a test that was written for
 * it needs no more than another port. What cannot be answered truthfully is not here, and so 404: checks of
 * HTML, links and spam, thumbnails, tags to be set, chaos, and sending.
 *
 * @module
 */
import type { InboxAction } from "../inbox/inbox.ts";
import type { Summary } from "../inbox/message_index.ts";
import { parseWholeNumber } from "../policy/quantity.ts";
import { onlyMembers } from "./body_members.ts";
import { mailpitItemJson } from "./mailpit_json.ts";
import { mailpitMessageRoutes, respondOk } from "./mailpit_message_routes.ts";
import { parseMailpitQuery } from "./mailpit_query.ts";
import { MAILPIT_DELETE, MAILPIT_LIST, MAILPIT_READ, MOST_IDS } from "./mailpit_schemas.ts";
import {
  checkWanted,
  countMailpit,
  EVERYTHING,
  findMailpit,
  listMailpit,
  MOST_FOUND,
} from "./mailpit_search.ts";
import { mailpitServerRoutes } from "./mailpit_server_routes.ts";
import { badParameter, type QueryParameter } from "./query.ts";
import { badRequest, respondJson } from "./responses.ts";
import type { Answer, Call, Route, RouteServices } from "./route.ts";
import { TEXT } from "./schema.ts";

const DEFAULT_LIMIT = 50;
const MOST_LISTED = 1000;

/** Messages of a list that are read at once. */
const MOST_READING = 4;

const START: QueryParameter = {
  name: "start",
  description: "How many of the newest messages are left out.",
  schema: { type: "integer", minimum: 0, maximum: MOST_FOUND, default: 0 },
};
const LIMIT: QueryParameter = {
  name: "limit",
  description: "How many messages there are in the list.",
  schema: { type: "integer", minimum: 1, maximum: MOST_LISTED, default: DEFAULT_LIMIT },
};
const QUERY: QueryParameter = {
  name: "query",
  description:
    "Words, and to:, from: (parts of addresses of the envelope), subject:, before:, after:, " +
    "larger:, smaller:, is:read, is:unread, has:attachment. All must fit, and what has - or ! in front must not.",
  schema: TEXT,
  isRequired: true,
};
const ZONE: QueryParameter = {
  name: "tz",
  description: "The time zone of before: and after:, such as Europe/Paris; UTC if left out.",
  schema: TEXT,
};

/** Reads a whole number. @throws {WebError} 400 for a bad value */
function numberOf({ query }: Call, { name, schema }: QueryParameter): number {
  const text = query.get(name) ?? String(schema.default);
  const number = parseWholeNumber(text);
  const [least, most] = [schema.minimum!, schema.maximum!];
  if (number === undefined || number < least || number > most) {
    throw badParameter(name, text, `give a whole number, ${least} to ${most}`);
  }
  return number;
}

/** Reads ids; nothing where all messages are meant. @throws {WebError} 400 if they are no list of texts */
function idsOf({ IDs: ids = [] }: Readonly<Record<string, unknown>>): string[] | undefined {
  if (!Array.isArray(ids) || ids.length > MOST_IDS || !ids.every((id) => typeof id === "string")) {
    throw badRequest(`Cannot use IDs: give a list of at most ${MOST_IDS} texts`);
  }
  return ids.length === 0 ? undefined : ids;
}

const OK: Answer = { description: "The text `ok`.", content: "text/plain" };

/** The routes. */
export function mailpitRoutes(services: RouteServices): Route[] {
  const { inbox, log } = services;

  /** Reads messages for a list. Of each no more is kept than the list says. */
  async function itemsOf(found: readonly Summary[], signal: AbortSignal): Promise<unknown[]> {
    const items: unknown[] = [];
    for (let i = 0; i < found.length; i += MOST_READING) {
      checkWanted(signal);
      const reading = found.slice(i, i + MOST_READING).map(({ id }) => inbox.show(id));
      for (const message of await Promise.all(reading)) {
        // One that has gone in the meantime is not there any more.
        if (message !== undefined) items.push(mailpitItemJson(message));
      }
    }
    return items;
  }

  async function list(call: Call): Promise<Response> {
    const { signal } = call;
    const [start, limit] = [numberOf(call, START), numberOf(call, LIMIT)];
    const messages = await itemsOf(await listMailpit(inbox, { start, limit }, signal), signal);
    const { total, unseen } = await inbox.counts();
    const counts = { total, unread: unseen, messages_count: total, messages_unread: unseen };
    return respondJson(200, { ...counts, count: messages.length, start, tags: [], messages });
  }

  async function search(call: Call): Promise<Response> {
    const { signal } = call;
    const [start, limit] = [numberOf(call, START), numberOf(call, LIMIT)];
    const query = parseMailpitQuery(call.query.get("query")!, call.query.get("tz"));
    const found = await countMailpit(inbox, query, { start, limit }, signal);
    const messages = await itemsOf(found.messages, signal);
    const { total, unseen } = await inbox.counts();
    const fitting = { messages_count: found.count, messages_unread: found.unread };
    const counts = { total, unread: unseen, ...fitting };
    return respondJson(200, { ...counts, count: messages.length, start, tags: [], messages });
  }

  function done({ client, who }: Call, action: InboxAction, messages: number): Response {
    log("info", "web-action", { client, account: who, action, messages });
    return respondOk();
  }

  /** Does something to all that is found. */
  async function actOnFound(call: Call, action: InboxAction, text: string): Promise<Response> {
    const query = parseMailpitQuery(text, call.query.get("tz"));
    let messages = 0;
    for await (const step of findMailpit(inbox, query, call.signal)) {
      if (step.length === 0) continue;
      messages += await inbox.act(action, { ids: step.map(({ id }) => id) });
    }
    return done(call, action, messages);
  }

  async function actOnIds(
    call: Call,
    action: InboxAction,
    ids: readonly string[] | undefined,
  ): Promise<Response> {
    const messages = await inbox.act(action, ids === undefined ? EVERYTHING.search : { ids });
    return done(call, action, messages);
  }

  async function setRead(call: Call): Promise<Response> {
    const { body = {} } = call;
    onlyMembers(body, ["IDs", "Search", "Read"]);
    const { Search: text = "", Read: isRead = false } = body;
    if (typeof text !== "string") throw badRequest("Cannot use Search: give a text");
    if (typeof isRead !== "boolean") throw badRequest("Cannot use Read: give true or false");
    const action = isRead ? "seen" : "unseen";
    const ids = idsOf(body);
    if (text.trim() === "") return await actOnIds(call, action, ids);
    if (ids !== undefined) throw badRequest("Cannot take both IDs and Search: give one of them");
    return await actOnFound(call, action, text);
  }

  async function remove(call: Call): Promise<Response> {
    const { body = {} } = call;
    onlyMembers(body, ["IDs"]);
    return await actOnIds(call, "remove", idsOf(body));
  }

  const common = { query: [], share: "request", errors: "text" } as const;
  return [
    {
      ...common,
      method: "GET",
      path: "/api/v1/messages",
      summary: "As Mailpit: lists messages, newest first",
      query: [START, LIMIT],
      answers: { 200: { description: "The list.", content: MAILPIT_LIST } },
      handle: list,
    },
    {
      ...common,
      method: "PUT",
      path: "/api/v1/messages",
      summary: "As Mailpit: marks messages as read or not, by ids or a search, or all",
      query: [ZONE],
      body: MAILPIT_READ,
      answers: { 200: OK },
      handle: setRead,
    },
    {
      ...common,
      method: "DELETE",
      path: "/api/v1/messages",
      summary: "As Mailpit: removes messages by their ids, or all",
      body: MAILPIT_DELETE,
      answers: { 200: OK },
      handle: remove,
    },
    {
      ...common,
      method: "GET",
      path: "/api/v1/search",
      summary: "As Mailpit: lists messages that fit, newest first",
      query: [QUERY, ZONE, START, LIMIT],
      answers: { 200: { description: "The list.", content: MAILPIT_LIST } },
      handle: search,
    },
    {
      ...common,
      method: "DELETE",
      path: "/api/v1/search",
      summary: "As Mailpit: removes messages that fit",
      query: [QUERY, ZONE],
      answers: { 200: OK },
      handle: (call) => actOnFound(call, "remove", call.query.get("query")!),
    },
    ...mailpitServerRoutes(services),
    ...mailpitMessageRoutes(services),
  ];
}
