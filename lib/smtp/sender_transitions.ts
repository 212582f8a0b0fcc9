/** The states of a sender, and what may happen in each of them: nothing else may. @module */

/** Where a session stands, seen from the client. A caller chooses its timeouts by it. */
export type SenderState =
  /** Awaits the 220 of the server. */
  | "greeting"
  /** Awaits the reply to EHLO, LHLO or HELO. */
  | "hello"
  /** The server wants no mail; only QUIT is left. */
  | "refused"
  /** A mail transaction may begin. */
  | "ready"
  /** STARTTLS was sent, or queued. */
  | "starting TLS"
  /** The server awaits a TLS handshake; nothing is said or heard before it is done. */
  | "securing"
  /** AUTH or a response was sent, or queued. */
  | "authenticating"
  /** A challenge waits for its response. */
  | "challenged"
  /** MAIL was sent, or queued. */
  | "mail"
  /** And a RCPT. */
  | "rcpt"
  /** DATA was sent, or queued; awaits the go-ahead. */
  | "data"
  /** Mail data is being sent. */
  | "content"
  /** Awaits what became of the message. */
  | "results"
  /** The transaction failed before or in the mail data; RSET must come before another (or QUIT). */
  | "spent"
  /** QUIT was sent, or queued. */
  | "quitting"
  /** The session is over. */
  | "closed";

/** What a caller may ask a sender to send. */
export type SenderAction =
  | "STARTTLS"
  | "secured"
  | "AUTH"
  | "response"
  | "cancel"
  | "MAIL"
  | "RCPT"
  | "DATA"
  | "content"
  | "end of data"
  | "RSET"
  | "QUIT";

/** What a reply can bring about. The end of the session can come in every state. */
export type SenderTurn =
  | "greeted"
  | "welcomed"
  | "turned away"
  | "told to secure"
  | "told not to secure"
  | "challenged"
  | "told how AUTH ended"
  | "told to go ahead"
  | "told not to go ahead"
  | "told of a refused chunk"
  | "told the last result";

/**
 * The table. That DATA, EHLO and QUIT end a group of pipelined commands (RFC 2920 section 3.1), and
 * STARTTLS and AUTH as well (RFC 3207 section 4, RFC 4954 section 4), follows from it: the states they
 * lead to have no command to send.
 */
export const SENDER_TRANSITIONS: Readonly<
  Record<SenderState, Readonly<Partial<Record<SenderAction | SenderTurn, SenderState>>>>
> = {
  greeting: { "greeted": "hello", "turned away": "refused" },
  hello: { "welcomed": "ready", "turned away": "refused" },
  refused: { QUIT: "quitting" },
  ready: {
    STARTTLS: "starting TLS",
    AUTH: "authenticating",
    MAIL: "mail",
    RSET: "ready",
    QUIT: "quitting",
  },
  "starting TLS": { "told to secure": "securing", "told not to secure": "ready" },
  securing: { secured: "hello" },
  authenticating: { "challenged": "challenged", "told how AUTH ended": "ready" },
  challenged: {
    response: "authenticating",
    cancel: "authenticating",
    // A server may have waited too long for the response.
    "told how AUTH ended": "ready",
  },
  mail: { RCPT: "rcpt", RSET: "ready", QUIT: "quitting" },
  rcpt: { RCPT: "rcpt", DATA: "data", RSET: "ready", QUIT: "quitting" },
  data: { "told to go ahead": "content", "told not to go ahead": "spent" },
  content: { "content": "content", "end of data": "results" },
  results: { "told the last result": "ready", "told of a refused chunk": "spent" },
  spent: { RSET: "ready", QUIT: "quitting" },
  quitting: {},
  closed: {},
};
