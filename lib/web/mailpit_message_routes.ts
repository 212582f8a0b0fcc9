/** The routes by which clients of Mailpit look at one message, or release it. @module */
import type { InboxMessage } from "../inbox/inbox.ts";
import { onlyMembers, textList } from "./body_members.ts";
import { htmlFields, shownHtml } from "./html_view.ts";
import { mailpitHeadersJson, mailpitMessageJson } from "./mailpit_json.ts";
import { MAILPIT_MESSAGE, MAILPIT_RELEASE, MOST_IDS } from "./mailpit_schemas.ts";
import { headerFields } from "./message_routes.ts";
import { partFields } from "./part_fields.ts";
import { badRequest, noSuchMessage, respond, respondJson, WebError } from "./responses.ts";
import type { Answer, Call, Route, RouteServices } from "./route.ts";

const PLAIN = { "content-type": "text/plain; charset=utf-8" } as const;

const NOT_THERE: Answer = { description: "There is no such message.", content: "text/plain" };

/** Types that a browser acts on, as whatever they are fetched for; none of them is given away as what it is. */
const ACTIVE = /html|xml|script|css|json|wasm|multipart|message/;

/** The answer to what was done. */
export function respondOk(): Response {
  return respond(200, "ok", PLAIN);
}

/** The routes. */
export function mailpitMessageRoutes({ inbox, log }: RouteServices): Route[] {
  /** The id that the path names, or that of the newest message. */
  async function idOf({ path }: Call): Promise<string> {
    const id = path.get("message")!;
    if (id !== "latest") return id;
    const { messages: [latest] } = await inbox.search({}, { limit: 1 });
    if (latest === undefined) throw new WebError(404, "There is no message yet");
    return latest.id;
  }

  /**
   * Reads a message and marks it as read. To ask for something should change nothing (RFC 9110 section
   * 9.2.1), but tests look for `is:unread` and rely on it.
   */
  async function read(call: Call): Promise<InboxMessage> {
    const id = await idOf(call);
    const message = await inbox.show(id);
    if (message === undefined) throw noSuchMessage(id);
    if (!message.summary.seen) await inbox.act("seen", { ids: [id] });
    return message;
  }

  async function show(call: Call): Promise<Response> {
    const message = await read(call);
    const header = await inbox.header(message.summary.id);
    return respondJson(200, mailpitMessageJson(message, headerFields(header ?? "")));
  }

  async function headers(call: Call): Promise<Response> {
    const id = await idOf(call);
    const header = await inbox.header(id);
    if (header === undefined) throw noSuchMessage(id);
    return respondJson(200, mailpitHeadersJson(headerFields(header)));
  }

  async function raw(call: Call): Promise<Response> {
    const id = await idOf(call);
    const found = await inbox.raw(id);
    if (found === undefined) throw noSuchMessage(id);
    return respond(200, found.octets, { ...PLAIN, "content-length": String(found.size) });
  }

  async function part(call: Call): Promise<Response> {
    const id = await idOf(call);
    const index = Number(call.path.get("index"));
    const found = await inbox.part(id, index);
    if (found === undefined) {
      throw new WebError(404, `There is no part ${index} of a message ${id}`);
    }
    const fields = partFields(found.part);
    const { type } = found.part;
    return respond(200, found.octets, {
      ...fields,
      ...!ACTIVE.test(type) && { "content-type": type },
    });
  }

  async function html(call: Call): Promise<Response> {
    const { summary: { id }, content } = await read(call);
    if (content.html === undefined) throw new WebError(404, `Message ${id} has no HTML`);
    const parts = `/api/v1/message/${id}/part/`;
    return respond(
      200,
      shownHtml(content.html, content.parts, parts),
      htmlFields({ host: call.host, parts, hasImages: false }),
    );
  }

  async function release(call: Call): Promise<Response> {
    const { body = {}, client, who } = call;
    onlyMembers(body, ["To"]);
    const to = textList(body, "To", MOST_IDS);
    if (to === undefined) throw badRequest("Cannot release the message: name recipients in To");
    const id = await idOf(call);
    const isThere = await inbox.release(id, { to }).catch((error) => {
      throw error instanceof SyntaxError ? badRequest(error.message) : error;
    });
    if (!isThere) throw noSuchMessage(id);
    log("info", "web-action", { client, account: who, action: "release", messages: 1 });
    return respondOk();
  }

  const common = { method: "GET", query: [], share: "request", errors: "text" } as const;
  const path = "/api/v1/message/{message}";
  // Where `alias` begins with two slashes, that is how cypress-mailpit 2.0 writes it.
  return [
    {
      ...common,
      path,
      summary: "As Mailpit: reads a message, and marks it as read",
      answers: { 200: { description: "The message.", content: MAILPIT_MESSAGE }, 404: NOT_THERE },
      handle: show,
    },
    {
      ...common,
      path: `${path}/headers`,
      summary: "As Mailpit: gives the header fields of a message by their names",
      answers: {
        200: { description: "Lists of values, not decoded.", content: { type: "object" } },
        404: NOT_THERE,
      },
      handle: headers,
    },
    {
      ...common,
      path: `${path}/raw`,
      summary: "As Mailpit: gives the octets of a message as they were accepted",
      answers: { 200: { description: "The octets.", content: "text/plain" }, 404: NOT_THERE },
      handle: raw,
    },
    {
      ...common,
      path: `${path}/part/{index}`,
      summary: "As Mailpit: gives the octets of a part of a message, decoded",
      answers: {
        200: {
          description: "The octets, with their own type unless a browser could act on it.",
          content: "application/octet-stream",
        },
        404: NOT_THERE,
      },
      handle: part,
    },
    {
      ...common,
      method: "POST",
      path: `${path}/release`,
      summary: "As Mailpit: releases a message to others, by the routes of the server",
      body: MAILPIT_RELEASE,
      answers: { 200: { description: "The text `ok`.", content: "text/plain" }, 404: NOT_THERE },
      handle: release,
    },
    {
      ...common,
      path: "/view/{message}.html",
      alias: "//view/{message}.html",
      summary: "As Mailpit: shows the HTML of a message, and marks it as read",
      answers: { 200: { description: "The HTML.", content: "text/html" }, 404: NOT_THERE },
      handle: html,
    },
    {
      ...common,
      path: "/view/{message}.txt",
      alias: "//view/{message}.txt",
      summary: "As Mailpit: gives the text of a message, and marks it as read",
      answers: { 200: { description: "The text.", content: "text/plain" }, 404: NOT_THERE },
      handle: async (call) => respond(200, (await read(call)).content.text, PLAIN),
    },
  ];
}
