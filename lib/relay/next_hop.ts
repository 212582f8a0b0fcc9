/** Where a recipient's mail goes next: the route that was configured and the hop it leads to. @module */
import type { Credentials } from "./credentials.ts";

/** A route as it was configured, for every recipient whose domain is not local. */
export type Route =
  /** By the MX records of the recipient's domain. */
  | { readonly kind: "mx" }
  /** To one host, a smarthost. */
  | HostHop
  /** Into the Maildir of each recipient, `directory/<domain>/<local part>`, whatever the domain. */
  | MaildirHop
  /** To a program on this host, which is run for each recipient. */
  | ProgramHop
  /** To a web hook, by HTTP. */
  | WebHop
  /** Kept in the queue until somebody releases it; then by MX. */
  | { readonly kind: "hold" }
  /** Accepted and dropped. */
  | { readonly kind: "discard" };

/** What a recipient's mail is handed to. Two recipients with equal keys share a transaction. */
export type NextHop =
  | { readonly kind: "local" }
  | { readonly kind: "discard" }
  | { readonly kind: "mx"; readonly domain: string }
  | HostHop
  | DeliveryHop;

/** One host that an operator named. */
export interface HostHop {
  /** How it is spoken to: `smtps` begins with TLS (RFC 8314 section 3.3). */
  readonly kind: "smtp" | "smtps" | "lmtp";
  /** Its name or address. */
  readonly host: string;
  readonly port: number;
  /** Who we are to it, where it is to know. */
  readonly credentials?: Credentials;
}

/** A next hop that ends the way of a message: here it is handed to something that is no mail server. */
export type DeliveryHop = MaildirHop | ProgramHop | WebHop;

/** Maildirs below one directory. */
export interface MaildirHop {
  readonly kind: "maildir";
  /** The directory above all mailboxes. */
  readonly directory: string;
}

/** A program. */
export interface ProgramHop {
  readonly kind: "program";
  /** Its absolute path. */
  readonly path: string;
  /** Its arguments, with placeholders such as `${recipient}`. */
  readonly args: readonly string[];
}

/** A web hook. Both parts may be secret; what may be shown is the key of the hop. */
export interface WebHop {
  readonly kind: "web";
  /** Where to post, without user name and password. */
  readonly url: string;
  /** The value of the Authorization field, if there is one. */
  readonly authorization?: string;
}
