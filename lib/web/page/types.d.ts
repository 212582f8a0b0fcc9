/** What the API answers, as the page reads it: made of the types that the server writes it from. @module */
import type { Content } from "../../inbox/content.ts";
import type { Summary } from "../../inbox/message_index.ts";
import type { AttemptTls, Origin, RecipientState } from "../../queue/store.ts";
import type { Reply } from "../../smtp/reply.ts";

export type { ContentPart, HeaderAddress } from "../../inbox/content.ts";
export type { IndexCounts as Counts, MessageState } from "../../inbox/message_index.ts";
export type { AttemptTls, Origin, RecipientState, Reply };

/** A message in a list. */
export interface Item extends Omit<Summary, "received"> {
  /** RFC 3339, as all times are. */
  readonly received: string;
}

/** A page of a list. */
export interface ItemPage {
  readonly messages: readonly Item[];
  readonly next?: string;
}

/** A recipient as it stands. */
export interface RecipientNow {
  readonly to: string;
  readonly state: RecipientState;
  readonly attempts: number;
  readonly due?: string;
  readonly lastReply?: Reply;
}

/** A message with all that it says. */
export interface Message extends Item, Omit<Content, "subject" | "from" | "to"> {
  readonly headerFrom: Content["from"];
  readonly headerTo: Content["to"];
  readonly envelope: readonly RecipientNow[];
}

/** One attempt at delivery. */
export interface LedgerAttempt {
  readonly begun: string;
  readonly ended: string;
  readonly host?: string;
  readonly address?: string;
  readonly tls?: AttemptTls;
  readonly outcomes: readonly {
    readonly to?: string;
    readonly state: RecipientState;
    readonly due?: string;
    readonly reply: Reply;
  }[];
}

/** What is known of a message's way. */
export interface Ledger {
  readonly id: string;
  readonly from: string;
  readonly size: number;
  readonly accepted: string;
  readonly expires: string;
  readonly origin: Origin;
  readonly recipients: readonly RecipientNow[];
  readonly attempts: readonly LedgerAttempt[];
}

/** A field of a header section. */
export interface HeaderField {
  readonly name: string;
  readonly value: string;
}

/** What may stand in an element. A node is an `EventTarget`, which is known beside a page as well. */
export type Child = EventTarget | string | undefined | null | false | readonly Child[];

/** What the URL of the page says: what is looked for, which message is open, and which side of it. */
export interface Place {
  readonly search: string;
  readonly message?: string;
  readonly tab?: string;
}

/** What can be done to messages. */
export type ActionName = "release" | "hold" | "retry" | "bounce" | "remove" | "seen" | "unseen";

/** How the list of messages has changed. */
export type ListChange =
  /** Other messages altogether. */
  | { readonly kind: "reset" }
  /** So many came on top. */
  | { readonly kind: "inserted"; readonly count: number }
  /** Those at these places are gone; the places are those of before, ascending. */
  | { readonly kind: "removed"; readonly places: readonly number[] }
  /** More came at the end, or messages stand otherwise. */
  | { readonly kind: "updated" };
