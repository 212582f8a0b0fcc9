/** The routes `http://...` and `https://...`, as an operator writes them. @module */
import { createHash } from "node:crypto";
import { Buffer } from "node:buffer";
import type { WebHop } from "./next_hop.ts";
import { routeFault } from "./route_fault.ts";

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw routeFault("a % in the user name and password of a URL is written %25");
  }
}

/**
 * Reads the URL of a web hook. The user name and password in it become the credentials of an
 * Authorization field (RFC 7617).
 *
 * @throws {SyntaxError} if it is no URL
 */
export function parseWeb(text: string): WebHop {
  const url = URL.parse(text);
  if (url === null || /[\s\x00-\x1f\x7f]/.test(text)) throw routeFault("it is not a URL");
  const { username, password } = url;
  url.username = url.password = url.hash = "";
  if (username === "" && password === "") return { kind: "web", url: url.href };
  if (/%3a/i.test(username)) throw routeFault("a user name has no colon (RFC 7617)");
  const credentials = Buffer.from(`${decoded(username)}:${decoded(password)}`, "utf8");
  return { kind: "web", url: url.href, authorization: `Basic ${credentials.toString("base64")}` };
}

/**
 * Names a web hook so that it can be shown: what stands behind its host and port may be as secret as its
 * password, and is told apart by a hash only.
 */
export function webKey({ url, authorization = "" }: WebHop): string {
  const { protocol, hostname, port } = new URL(url);
  const hash = createHash("sha256").update(`${url}\0${authorization}`).digest("hex").slice(0, 8);
  return `${protocol}//${hostname}:${port || (protocol === "https:" ? 443 : 80)}/...#${hash}`;
}

/**
 * Writes the URL of a web hook as {@linkcode webKey} shows it, for a person: a mask stands for the user name
 * and password, and for what is behind the host.
 */
export function maskWeb(text: string, mask: string): string {
  const { protocol, username, password, host, pathname, search } = new URL(text);
  const user = username === "" && password === "" ? "" : `${mask}@`;
  return `${protocol}//${user}${host}/${pathname === "/" && search === "" ? "" : mask}`;
}
