/** The routes by which messages are looked at. @module */
import type { Summary } from "../inbox/message_index.ts";
import { type HeaderField, parseHeader } from "../message/header.ts";
import { entryJson } from "../queue/entry_json.ts";
import { htmlFields, shownHtml } from "./html_view.ts";
import { messageJson, summaryJson } from "./json.ts";
import { partFields } from "./part_fields.ts";
import { badParameter, limitOf, LIST_PARAMETERS, type QueryParameter, searchOf } from "./query.ts";
import { noSuchMessage, respond, respondJson, WebError } from "./responses.ts";
import { type Call, idOf, type Route, type RouteServices } from "./route.ts";
import { shape } from "./schemas.ts";

const encoder = new TextEncoder();

const NOT_THERE = { description: "There is no such message.", content: shape("Error") };

/** A parameter that is there as `1`, or not at all. */
function flag(name: string, description: string): QueryParameter {
  return { name, description, schema: { type: "string", enum: ["1"] } };
}

const IMAGES = flag("images", "Lets the message load images from anywhere.");
const VIEW = flag("view", "Answers text to be shown, instead of a file to be kept.");

function isSet({ query }: Call, { name }: QueryParameter): boolean {
  const text = query.get(name);
  if (text !== undefined && text !== "1") throw badParameter(name, text, "give 1, or leave it out");
  return text !== undefined;
}

/** The fields of a header section whose lines end by LF, as an inbox gives it. */
export function headerFields(text: string): HeaderField[] {
  // Where header fields are read, they end by CR LF.
  return parseHeader(encoder.encode(text.replaceAll("\n", "\r\n")));
}

/** Answers what was found of a message. @throws {WebError} 404 if there is nothing */
function found<T>(value: T | undefined, call: Call): T {
  if (value === undefined) throw noSuchMessage(idOf(call));
  return value;
}

/** The routes. */
export function messageRoutes({ inbox, clock }: RouteServices): Route[] {
  async function list({ query }: Call): Promise<Response> {
    const cursor = query.get("cursor");
    const search = searchOf(query, clock.now());
    const limit = limitOf(query);
    const page = await inbox.search(search, { cursor, limit }).catch((error) => {
      // Of all that is given to the index, only a cursor is text that it has to read.
      if (error instanceof SyntaxError && cursor !== undefined) {
        throw badParameter("cursor", cursor, "give `next` of the page before");
      }
      throw error;
    });
    return respondJson(200, {
      messages: page.messages.map((summary: Summary) => summaryJson(summary)),
      next: page.next,
    });
  }

  async function headers(call: Call): Promise<Response> {
    const text = found(await inbox.header(idOf(call)), call);
    return respondJson(200, { headers: headerFields(text) });
  }

  async function ledger(call: Call): Promise<Response> {
    const { entry, attempts } = found(await inbox.ledger(idOf(call)), call);
    return respondJson(200, entryJson(entry, attempts));
  }

  async function html(call: Call): Promise<Response> {
    const hasImages = isSet(call, IMAGES);
    const id = idOf(call);
    const { content } = found(await inbox.show(id), call);
    if (content.html === undefined) throw new WebError(404, `Message ${id} has no HTML`);
    const parts = `/api/messages/${id}/parts/`;
    return respond(
      200,
      shownHtml(content.html, content.parts, parts),
      htmlFields({ host: call.host, parts, hasImages }),
    );
  }

  async function part(call: Call): Promise<Response> {
    const index = Number(call.path.get("index"));
    const answer = await inbox.part(idOf(call), index);
    if (answer === undefined) {
      throw new WebError(404, `There is no part ${index} of a message ${idOf(call)}`);
    }
    return respond(200, answer.octets, partFields(answer.part));
  }

  async function raw(call: Call): Promise<Response> {
    const isView = isSet(call, VIEW);
    const id = idOf(call);
    const { size, octets } = found(await inbox.raw(id), call);
    return respond(200, octets, {
      "content-length": String(size),
      "content-type": isView ? "text/plain; charset=utf-8" : "message/rfc822",
      ...!isView && { "content-disposition": `attachment; filename="${id}.eml"` },
    });
  }

  const common = { method: "GET", query: [], share: "request" } as const;
  return [
    {
      ...common,
      path: "/api/messages",
      summary: "Lists messages, newest first",
      query: LIST_PARAMETERS,
      answers: { 200: { description: "A page of messages.", content: shape("List") } },
      handle: list,
    },
    {
      ...common,
      path: "/api/messages/{id}",
      summary: "Reads a message",
      answers: { 200: { description: "The message.", content: shape("Message") }, 404: NOT_THERE },
      handle: async (call) =>
        respondJson(200, messageJson(found(await inbox.show(idOf(call)), call))),
    },
    {
      ...common,
      path: "/api/messages/{id}/raw",
      summary: "Gives the octets of a message as they were accepted",
      query: [VIEW],
      answers: {
        200: { description: "The octets; text/plain to be shown.", content: "message/rfc822" },
        404: NOT_THERE,
      },
      handle: raw,
    },
    {
      ...common,
      path: "/api/messages/{id}/headers",
      summary: "Lists the header fields of a message in order, unfolded and not decoded",
      answers: { 200: { description: "The fields.", content: shape("Headers") }, 404: NOT_THERE },
      handle: headers,
    },
    {
      ...common,
      path: "/api/messages/{id}/html",
      summary: "Shows the HTML of a message, without what it would run or load",
      query: [IMAGES],
      answers: { 200: { description: "The HTML.", content: "text/html" }, 404: NOT_THERE },
      handle: html,
    },
    {
      ...common,
      path: "/api/messages/{id}/parts/{index}",
      summary: "Gives the octets of a part of a message, decoded",
      answers: {
        200: {
          description: "The octets. Images and plain text have their own type.",
          content: "application/octet-stream",
        },
        404: NOT_THERE,
      },
      handle: part,
    },
    {
      ...common,
      path: "/api/messages/{id}/ledger",
      summary: "Tells the way of a message: recipients, attempts, replies",
      answers: { 200: { description: "The ledger.", content: shape("Ledger") }, 404: NOT_THERE },
      handle: ledger,
    },
    {
      ...common,
      path: "/api/counts",
      summary: "Counts messages",
      answers: { 200: { description: "The counts.", content: shape("Counts") } },
      handle: async () => respondJson(200, await inbox.counts()),
    },
  ];
}
