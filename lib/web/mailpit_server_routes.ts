/** The routes by which clients of Mailpit ask what the server is. What is not known is left out. @module */
import { MAILPIT_CONFIGURATION, MAILPIT_INFO } from "./mailpit_schemas.ts";
import { respondJson } from "./responses.ts";
import type { Route, RouteServices } from "./route.ts";
import { listOf, TEXT } from "./schema.ts";

const CONFIGURATION = {
  Label: "smtpd",
  // Messages are released by the routes of the server, which are not one host, and as they came.
  MessageRelay: {
    Enabled: true,
    SMTPServer: "",
    ReturnPath: "",
    AllowedRecipients: "",
    BlockedRecipients: "",
    OverrideFrom: "",
    PreserveMessageIDs: true,
    RecipientAllowlist: "",
  },
  SpamAssassin: false,
  ChaosEnabled: false,
  DuplicatesIgnored: false,
  HideDeleteAllButton: false,
} as const;

/** The routes. */
export function mailpitServerRoutes({ inbox, clock }: RouteServices): Route[] {
  const begun = clock.now();

  async function info(): Promise<Response> {
    const { total, unseen } = await inbox.counts();
    return respondJson(200, {
      Version: "smtpd",
      Messages: total,
      Unread: unseen,
      Tags: {},
      RuntimeStats: {
        Uptime: Math.floor((clock.now() - begun) / 1000),
        Memory: Deno.memoryUsage().rss,
      },
    });
  }

  const common = { method: "GET", query: [], share: "request", errors: "text" } as const;
  return [
    {
      ...common,
      path: "/api/v1/info",
      summary: "As Mailpit: tells what is known of the server",
      answers: { 200: { description: "What is known.", content: MAILPIT_INFO } },
      handle: info,
    },
    {
      ...common,
      path: "/api/v1/webui",
      summary: "As Mailpit: tells what the server can do",
      answers: { 200: { description: "What it can do.", content: MAILPIT_CONFIGURATION } },
      handle: () => Promise.resolve(respondJson(200, CONFIGURATION)),
    },
    {
      ...common,
      path: "/api/v1/tags",
      summary: "As Mailpit: lists the tags, of which there are none",
      answers: { 200: { description: "An empty list.", content: listOf(TEXT) } },
      handle: () => Promise.resolve(respondJson(200, [])),
    },
  ];
}
