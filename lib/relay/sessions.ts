/** Sessions that outlive a mail transaction, as the transaction sees them. @module */
import type { AttemptTls } from "../queue/store.ts";
import type { Reply } from "../smtp/reply.ts";
import type { Link } from "./connector.ts";
import type { Origin } from "./remote_reply.ts";

/** How a next hop did in one transaction: it is what the next ones to it are planned by. */
export type Conduct =
  /** It answered, whatever it said of this message. */
  | "answered"
  /** It answered, and put the message off for all of its recipients. */
  | "busy"
  /** It, or the name servers, could not be asked at all. */
  | "unreachable"
  /** It broke off, took too long, or wanted no more of us. */
  | "troubled";

/** Where mail went, or was to go. */
export interface Whereabouts extends Origin {
  /** How it was encrypted on the way there, where it was. */
  readonly tls?: AttemptTls;
}

/** Keeps the sessions of one next hop between transactions. */
export interface Sessions {
  /** A session that was kept and fits, in which a transaction can begin. */
  take(fits: (link: Link) => boolean): Link | undefined;
  /** Takes a session whose transaction is over, to keep it or to end it. */
  give(link: Link): void;
  /** Hears how the next hop did, and where that was; what is heard last holds. */
  note(conduct: Conduct, failure: Reply | undefined, origin?: Whereabouts): void;
}
