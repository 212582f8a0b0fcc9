/** Web hosts with MTA-STS policies on loopback, each with a certificate and an answer of its own. */
import { createSecureContext, createServer, type SecureContext, type TLSSocket } from "node:tls";
import { certificateOf, makeCertificate, type Wanted } from "../net/certificates.ts";

/** An address of loopback that no other program has taken the port of. */
export const ownAddress = `127.${
  [...crypto.getRandomValues(new Uint8Array(3))].map((n) => n % 250 + 1).join(".")
}`;

/** Whether this process may listen on the port of HTTPS. */
export function mayListen(hostname: string): boolean {
  try {
    Deno.listen({ hostname, port: 443 }).close();
    return true;
  } catch (error) {
    if (!(error instanceof Deno.errors.PermissionDenied)) throw error;
    return false;
  }
}

/** What is served at `mta-sts.DOMAIN`. */
export interface PolicyHost {
  /** How its certificate differs from a good one of the authority for that name. */
  readonly certificate?: Wanted;
  /** What it says to a request, octets as they stand; a function may say it bit by bit, or nothing. */
  readonly answer: string | ((socket: TLSSocket) => void);
}

/** The web hosts of some domains. */
export interface PolicyHosts extends AsyncDisposable {
  readonly port: number;
  /** The authority that vouches for those with good certificates, as PEM. */
  readonly authority: string;
  /** The heads of the requests that came, in order. */
  readonly requests: string[];
  /** What the names of the hosts resolve to, as lines for the name server. */
  readonly addresses: string[];
}

/** Writes a good answer with a text in it. */
export function answerWith(text: string, type = "text/plain; charset=utf-8"): string {
  const length = new TextEncoder().encode(text).length;
  return `HTTP/1.1 200 OK\r\nContent-Type: ${type}\r\nContent-Length: ${length}\r\n\r\n${text}`;
}

/** The text of a policy. */
export function policyText(mode: string, maxAge: number, ...mx: string[]): string {
  const lines = [`version: STSv1`, `mode: ${mode}`, ...mx.map((host) => `mx: ${host}`)];
  return [...lines, `max_age: ${maxAge}`, ""].join("\r\n");
}

/** Makes certificates in a folder, and starts one server for all the names. */
export async function startPolicyHosts(
  folder: string,
  hosts: ReadonlyMap<string, PolicyHost>,
  { hostname = "127.0.0.1", port: wanted = 0 } = {},
): Promise<PolicyHosts> {
  await makeCertificate(folder, "authority", { isAuthority: true, names: ["Test authority"] });
  await makeCertificate(folder, "stranger", { isAuthority: true, names: ["Another authority"] });
  const contexts = new Map<string, SecureContext>();
  for (const [domain, { certificate }] of hosts) {
    const name = `mta-sts.${domain}`;
    await makeCertificate(folder, name, { names: [name], issuer: "authority", ...certificate });
    const { certificate: cert, key } = certificateOf(folder, name);
    contexts.set(name, createSecureContext({ cert, key }));
  }
  const requests: string[] = [];
  const sockets = new Set<TLSSocket>();
  const server = createServer({
    SNICallback: (name, done) => done(null, contexts.get(name)),
  }, (socket) => {
    sockets.add(socket);
    let head = "";
    socket.on("error", () => {});
    socket.on("close", () => sockets.delete(socket));
    socket.on("data", (octets) => {
      head += octets.toString("latin1");
      if (!head.endsWith("\r\n\r\n")) return;
      requests.push(head);
      const [, domain] = /^host: mta-sts\.([^:\r]*)/im.exec(head) ?? [];
      const answer = hosts.get(domain)?.answer ?? "HTTP/1.1 421 Misdirected Request\r\n\r\n";
      if (typeof answer === "string") socket.end(answer);
      else answer(socket);
    });
  });
  server.on("tlsClientError", () => {});
  await new Promise<void>((resolve) => server.listen(wanted, hostname, resolve));
  const { port } = server.address() as { port: number };
  return {
    port,
    authority: certificateOf(folder, "authority").certificate,
    requests,
    addresses: [...contexts.keys()].map((name) => `address=/${name}/${hostname}`),
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      await new Promise<void>((resolve) => server.close(() => resolve()));
    },
  };
}
