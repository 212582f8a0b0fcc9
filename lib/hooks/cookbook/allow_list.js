// @ts-check
/*
 * Takes mail from those who are listed, and refuses everybody else: networks by the client's address,
 * senders by the reverse-path, of which anybody can claim anything. Accounts pass as well.
 *
 * Grants: none.
 */

/** Networks as ADDRESS/LENGTH. */
const NETWORKS = ["192.0.2.0/24", "2001:db8::/32"];
/** Addresses, whole domains as `@example.org`, and `<>` for notices, which have no sender. Lower case. */
const SENDERS = new Set(["<>", "news@example.net", "@example.org"]);

/**
 * The bits of an address, behind its version.
 *
 * @param {string} address
 */
function bitsOf(address) {
  if (!address.includes(":")) {
    return `4${address.split(".").map((octet) => bits(Number(octet), 8)).join("")}`;
  }
  const [head, tail] = address.split("::").map((part) => part.split(":").filter(Boolean));
  const zeros = Array(Math.max(0, 8 - head.length - (tail?.length ?? 0))).fill("0");
  const groups = [...head, ...tail === undefined ? [] : [...zeros, ...tail]];
  return `6${groups.map((group) => bits(parseInt(group, 16), 16)).join("")}`;
}

/** @param {number} value @param {number} width */
function bits(value, width) {
  return value.toString(2).padStart(width, "0");
}

/** What the bits of all addresses in a network begin with. */
const prefixes = NETWORKS.map((network) => {
  const [, address, length] = /^([0-9a-f:.]+)\/([0-9]{1,3})$/i.exec(network) ?? [];
  const all = address === undefined ? "" : bitsOf(address);
  const width = all[0] === "4" ? 32 : 128;
  if (!/^[46][01]+$/.test(all) || all.length !== width + 1 || Number(length) > width) {
    throw new SyntaxError(`Cannot read the network ${network}: write it like 192.0.2.0/24`);
  }
  return all.slice(0, 1 + Number(length));
});

/** @type {Required<import("@smtpd/smtpd").HooksModule>["mail"]} */
export function mail({ remote, account }, { reversePath }) {
  if (account !== undefined) return;
  const client = bitsOf(remote.address);
  if (prefixes.some((prefix) => client.startsWith(prefix))) return;
  const domain = `@${reversePath?.domain.toLowerCase()}`;
  const sender = reversePath === null ? "<>" : reversePath.localPart.toLowerCase() + domain;
  if (SENDERS.has(sender) || SENDERS.has(domain)) return;
  return { code: 550, enhanced: "5.7.1", text: "This server takes mail from those it knows alone" };
}
