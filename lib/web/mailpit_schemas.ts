/** The shapes of what clients of Mailpit send and get. What writes them is in `mailpit_json.ts`. @module */
import { COUNT, listOf, objectOf, type Schema, TEXT, TIME, TRUTH } from "./schema.ts";
import { ID } from "./schemas.ts";

const ADDRESS = objectOf({ Name: TEXT, Address: TEXT });

const COMMON: Readonly<Record<string, Schema>> = {
  ID,
  MessageID: { ...TEXT, description: "Without angle brackets." },
  From: ADDRESS,
  To: listOf(ADDRESS),
  Cc: listOf(ADDRESS),
  Bcc: { ...listOf(ADDRESS), description: "The recipients that To and Cc do not name." },
  ReplyTo: listOf(ADDRESS),
  Subject: TEXT,
  Username: { ...TEXT, description: "The account that handed it in; empty if there was none." },
  Tags: { ...listOf(TEXT), description: "Always empty." },
  Size: COUNT,
};

const PART = objectOf({
  PartID: TEXT,
  FileName: TEXT,
  ContentType: TEXT,
  ContentID: TEXT,
  Size: COUNT,
});

/** A list of messages. */
export const MAILPIT_LIST: Schema = objectOf({
  total: { ...COUNT, description: "All messages." },
  unread: COUNT,
  messages_count: { ...COUNT, description: "Those that fit; 10,000 at most of a search." },
  messages_unread: COUNT,
  count: { ...COUNT, description: "Those of this page." },
  start: COUNT,
  tags: { ...listOf(TEXT), description: "Always empty." },
  messages: listOf(
    objectOf({ ...COMMON, Read: TRUTH, Created: TIME, Attachments: COUNT, Snippet: TEXT }),
  ),
});

/** A message. */
export const MAILPIT_MESSAGE: Schema = objectOf({
  ...COMMON,
  ReturnPath: { ...TEXT, description: "The reverse-path of the envelope." },
  Date: TIME,
  Text: TEXT,
  HTML: { ...TEXT, description: "As it came: hostile until proven otherwise." },
  Inline: listOf(PART),
  Attachments: listOf(PART),
  ListUnsubscribe: objectOf({ Header: TEXT, Links: listOf(TEXT), Errors: TEXT, HeaderPost: TEXT }),
});

/** What is known of the server. */
export const MAILPIT_INFO: Schema = objectOf({
  Version: { ...TEXT, description: "What this is instead of a version of Mailpit." },
  Messages: COUNT,
  Unread: COUNT,
  Tags: objectOf({}),
  RuntimeStats: objectOf({ Uptime: COUNT, Memory: COUNT }),
});

/** What the server can do. */
export const MAILPIT_CONFIGURATION: Schema = objectOf({
  Label: TEXT,
  MessageRelay: objectOf({
    Enabled: TRUTH,
    SMTPServer: TEXT,
    ReturnPath: TEXT,
    AllowedRecipients: TEXT,
    BlockedRecipients: TEXT,
    OverrideFrom: TEXT,
    PreserveMessageIDs: TRUTH,
    RecipientAllowlist: TEXT,
  }),
  SpamAssassin: TRUTH,
  ChaosEnabled: TRUTH,
  DuplicatesIgnored: TRUTH,
  HideDeleteAllButton: TRUTH,
});

/** Messages that something is done to at once by their ids. */
export const MOST_IDS = 1000;

const IDS: Schema = {
  ...listOf(TEXT),
  maxItems: MOST_IDS,
  description: "The messages; all if there are none in it. Ids of no message are passed over.",
};

/** What is deleted. */
export const MAILPIT_DELETE: Schema = objectOf({}, { IDs: IDS });

/** What is marked as read, or not. */
export const MAILPIT_READ: Schema = objectOf({}, { IDs: IDS, Search: TEXT, Read: TRUTH });

/** To whom a message is released. */
export const MAILPIT_RELEASE: Schema = objectOf({
  To: { ...listOf(TEXT), minItems: 1, maxItems: MOST_IDS },
});
