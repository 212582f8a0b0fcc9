/** What the codes of RFC 3463 mean, in words that somebody who never heard of them understands. @module */

/** Meanings by the subject and the detail of an enhanced status code. */
const BY_DETAIL: ReadonlyMap<string, string> = new Map([
  ["1.1", "There is no mailbox of this name. Look for a typing error before the @ of the address."],
  [
    "1.2",
    "The domain of the address takes no mail, or there is no such domain. Look for a typing " +
    "error behind the @ of the address.",
  ],
  ["1.3", "The address is not written as an address has to be. Look for a typing error in it."],
  ["1.6", "The mailbox has moved, and its new address is not known."],
  [
    "1.7",
    "Your own address was not accepted. Look at the address that your mail program sends from.",
  ],
  [
    "1.8",
    "Your own address was not accepted. Look at the address that your mail program sends from.",
  ],
  ["1.10", "The domain of the address says that it takes no mail."],
  ["2.1", "The mailbox is closed at present."],
  ["2.2", "The mailbox is full."],
  ["2.3", "Your message is larger than the mailbox takes. Send less, or send a link."],
  ["3.4", "Your message is larger than the mail server takes. Send less, or send a link."],
  ["4.1", "No mail server of the domain could be reached."],
  ["4.2", "The connection to the mail server was lost."],
  ["4.3", "The domain could not be looked up."],
  ["4.4", "No way to the domain was found. Look for a typing error behind the @ of the address."],
  ["4.6", "Your message was going round in a circle between mail servers."],
  ["4.7", "The time in which your message could have been delivered is over."],
  ["5.3", "Your message had too many recipients at once. Send it to fewer of them."],
  ["6.3", "Your message has characters that the mail server on the way has no means to take."],
  ["6.7", "The address has characters that the mail server on the way has no means to take."],
  ["6.9", "Your message has characters that the mail server on the way has no means to take."],
  [
    "7.1",
    "The mail server does not accept this message from you. Only its administrators can tell " +
    "why, or change it.",
  ],
]);

/** Meanings by the subject alone. */
const BY_SUBJECT: ReadonlyMap<string, string> = new Map([
  ["1", "Something is wrong with the address. Look for a typing error in it."],
  ["2", "Something is wrong with the mailbox; the address itself may well be right."],
  ["3", "The mail server of the recipient has a fault or a limit."],
  ["4", "Something went wrong on the way through the network."],
  ["5", "The mail servers did not understand each other. That is no fault of yours."],
  ["6", "The mail server could not take the content of your message."],
  ["7", "The mail server refused the message by its rules, which are often those against spam."],
]);

/**
 * Says what an enhanced status code means, in a sentence or two; `undefined` for a code that tells
 * nothing beyond its class.
 */
export function meaningOf(status: string): string | undefined {
  const [, subject, detail] = status.split(".");
  return BY_DETAIL.get(`${subject}.${detail}`) ?? BY_SUBJECT.get(subject);
}
