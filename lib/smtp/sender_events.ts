/** What a sender tells its caller. @module */
import type { EhloFacts } from "./ehlo_facts.ts";
import type { Mailbox } from "./mailbox.ts";
import type { Reply } from "./reply.ts";

/** A command whose reply the caller is told. */
export type SenderCommand = "STARTTLS" | "AUTH" | "MAIL" | "RCPT" | "DATA" | "RSET" | "QUIT";

/** What a server's replies amount to. */
export type SenderEvent =
  /** A mail transaction may begin. */
  | { readonly type: "ready"; readonly facts: EhloFacts }
  /** The server wants no mail from us. QUIT may still be sent. */
  | { readonly type: "refused"; readonly step: "greeting" | "hello"; readonly reply: Reply }
  /** The answer to one call; a DATA that is told to go ahead has the next event instead. */
  | {
    readonly type: "reply";
    readonly command: SenderCommand;
    readonly reply: Reply;
    /** Whom a RCPT was for. */
    readonly mailbox?: Mailbox;
  }
  /** The server asks for a response; what it says may be empty, and is for the mechanism to read. */
  | { readonly type: "challenge"; readonly octets: Uint8Array }
  /** At least one recipient was accepted, and the mail data may be sent. */
  | { readonly type: "go ahead" }
  /** What became of the message for these recipients: all that were accepted, in LMTP one. */
  | { readonly type: "result"; readonly reply: Reply; readonly mailboxes: readonly Mailbox[] }
  /** The server ended the session. The reply is the answer to whatever has none. */
  | { readonly type: "closed"; readonly reply: Reply }
  /** The server broke the protocol, so the session is over. The text is printable. */
  | { readonly type: "fault"; readonly text: string };
