/** What the server is to its clients: ports, names, TLS and accounts. @module */
import { type CertificatePair, certificatePair } from "./certificate_pair.ts";
import {
  address,
  fingerprint,
  hostname,
  network,
  oneOf,
  path,
  truth,
  wholeNumber,
} from "./values.ts";
import type { Cidr } from "../policy/network.ts";
import { one, type Options, perhaps, several } from "./option.ts";

/** What the server is to its clients: ports, names, TLS and accounts. */
export interface ServerSettings {
  readonly port: number;
  /** Empty for every address, IPv6 and IPv4. */
  readonly host: readonly string[];
  readonly hostname: string;
  /** PEM files of the certificate that the server shows in TLS, and of its key. */
  readonly tlsCert: string | undefined;
  readonly tlsKey: string | undefined;
  /** Where TLS begins before the greeting. */
  readonly tlsPort: number | undefined;
  /** Where mail is submitted, with STARTTLS. */
  readonly submissionPort: number | undefined;
  readonly authWithoutTls: boolean;
  /** The file of accounts, where there is one. */
  readonly users: string | undefined;
  /** Certificates for other names, beside {@linkcode tlsCert}. */
  readonly certificates: readonly CertificatePair[];
  /** SHA-256 of client certificates whose holders may relay anywhere. */
  readonly relayCertificates: readonly string[];
  /** Where mail is submitted, and TLS begins before the greeting. */
  readonly submissionTlsPort: number | undefined;
  /** Whether logins may be bound to the certificate of the server. */
  readonly channelBinding: boolean;
  readonly submissionRemoveBcc: boolean;
  readonly submissionHideClient: boolean;
  readonly bareNewline: "reject" | "normalize";
  /** Peers whose connections begin with a PROXY header. */
  readonly proxyProtocol: readonly Cidr[];
  /** Peers that are believed what they say by XCLIENT of the client they speak for. */
  readonly xclient: readonly Cidr[];
  /** Peers that may say by XFORWARD where they have a message from, for the log. */
  readonly xforward: readonly Cidr[];
}

/** These settings by their keys, in the order of the help. */
export const SERVER_OPTIONS: Options<ServerSettings> = {
  port: one(wholeNumber(0, 65_535), {
    meaning: "port of the SMTP listener; 0 picks a free one",
    placeholder: "N",
    short: "p",
    byDefault: "25",
  }),
  host: several(address, {
    meaning: "address to bind",
    placeholder: "ADDR",
    shownDefault: "every address, IPv6 and IPv4",
    byDefault: [],
  }),
  hostname: one(hostname, {
    meaning: "name in 220, EHLO and Received",
    placeholder: "NAME",
    shownDefault: "the system's",
    byDefault: (system) => [system.hostname()],
  }),
  tlsCert: perhaps(path, {
    meaning: "offer STARTTLS with this certificate, PEM with those that issued it behind it",
    placeholder: "FILE",
    byDefault: [],
  }),
  tlsKey: perhaps(path, {
    meaning: "the key of that certificate, PEM that is not encrypted",
    placeholder: "FILE",
    byDefault: [],
  }),
  tlsPort: perhaps(wholeNumber(0, 65_535), {
    meaning: "port of a listener where TLS begins at once; 0 picks a free one",
    placeholder: "N",
    byDefault: [],
  }),
  submissionPort: perhaps(wholeNumber(0, 65_535), {
    meaning: "port of the submission listener: AUTH needed, headers completed",
    placeholder: "N",
    byDefault: [],
  }),
  authWithoutTls: one(truth, {
    meaning: "offer AUTH in plaintext as well, where everybody on the way can read passwords",
    shownDefault: "off",
    byDefault: "false",
  }),
  users: perhaps(path, {
    meaning: "file of accounts for AUTH, with no password in it; see smtpd help users",
    placeholder: "FILE",
    byDefault: [],
  }),
  certificates: several(certificatePair, {
    meaning: "certificates and keys for clients that ask for another name: CERTFILE KEYFILE",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  relayCertificates: several(fingerprint, {
    meaning: "SHA-256 of client certificates whose holders may relay anywhere",
    placeholder: "LIST",
    fileOnly: true,
    byDefault: [],
  }),
  submissionTlsPort: perhaps(wholeNumber(0, 65_535), {
    meaning: "port of a submission listener where TLS begins at once (465)",
    placeholder: "N",
    fileOnly: true,
    byDefault: [],
  }),
  channelBinding: one(truth, {
    meaning: "offer SCRAM-SHA-256-PLUS, by tls-server-end-point; clients of GNU SASL fail then",
    shownDefault: "off",
    fileOnly: true,
    byDefault: "false",
  }),
  submissionRemoveBcc: one(truth, {
    meaning: "take Bcc fields out of what is submitted",
    shownDefault: "off",
    fileOnly: true,
    byDefault: "false",
  }),
  submissionHideClient: one(truth, {
    meaning: "say nothing of who submitted a message in its Received field",
    shownDefault: "off",
    fileOnly: true,
    byDefault: "false",
  }),
  bareNewline: one(oneOf("reject", "normalize"), {
    meaning: "a bare CR or LF from a client: reject or normalize",
    placeholder: "MODE",
    byDefault: "reject",
  }),
  proxyProtocol: several(network, {
    meaning: "peers whose connections must begin with a PROXY header, which is believed",
    placeholder: "CIDR",
    byDefault: [],
  }),
  xclient: several(network, {
    meaning: "peers that may say by XCLIENT for whom they speak, and are believed",
    placeholder: "CIDR",
    fileOnly: true,
    byDefault: [],
  }),
  xforward: several(network, {
    meaning: "peers that may say by XFORWARD where they have a message from, for the log",
    placeholder: "CIDR",
    fileOnly: true,
    byDefault: [],
  }),
};
