import { X509Certificate } from "node:crypto";
import { connect } from "node:tls";
import { assert, assertEquals, assertRejects } from "@std/assert";
import { memoryPair } from "../../lib/net/memory_transport.ts";
import {
  type ClientTlsFacts,
  secureClient,
  secureServer,
  type SecureTransport,
  type ServerTlsFacts,
} from "../../lib/net/tls_transport.ts";
import { tlsIdentity } from "../../lib/net/tls_identity.ts";
import { tcpTransport } from "../../lib/net/tcp_transport.ts";
import type { Transport } from "../../lib/net/transport.ts";
import { ADDRESS, AUTHORITY, OTHER, testIdentity } from "./tls_fixture.ts";

const identity = testIdentity();

interface Ends {
  readonly server: SecureTransport<ServerTlsFacts>;
  readonly client: SecureTransport<ClientTlsFacts>;
}

async function securePair(
  ends: readonly [Transport, Transport] = memoryPair(),
  serverName = "mx.test",
  authorities: readonly string[] = [AUTHORITY],
): Promise<Ends> {
  const [server, client] = await Promise.all([
    secureServer(ends[0], identity),
    secureClient(ends[1], { serverName, authorities }),
  ]);
  return { server, client };
}

async function tcpPair(): Promise<[Transport, Transport]> {
  using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const [accepted, connected] = await Promise.all([
    listener.accept(),
    Deno.connect({ hostname: "127.0.0.1", port: listener.addr.port }),
  ]);
  return [tcpTransport(accepted), tcpTransport(connected)];
}

async function readAll(transport: Transport): Promise<Uint8Array> {
  const slices: Uint8Array[] = [];
  const buffer = new Uint8Array(1000);
  for (let length; (length = await transport.read(buffer)) !== null;) {
    slices.push(buffer.slice(0, length));
  }
  return new Uint8Array(await new Blob(slices as BlobPart[]).arrayBuffer());
}

Deno.test("a TLS session carries octets both ways and ends in order", async () => {
  for (const ends of [memoryPair(), await tcpPair()] as const) {
    const { server, client } = await securePair(ends);
    const sent = crypto.getRandomValues(new Uint8Array(60_000));
    const [received, answer] = await Promise.all([
      readAll(server).then(async (bytes) => {
        await server.write(new Uint8Array([1, 2, 3]));
        await server.closeWrite();
        return bytes;
      }),
      readAll(client),
      client.write(sent).then(() => client.closeWrite()),
    ]);
    assertEquals(received, sent);
    assertEquals(answer, new Uint8Array([1, 2, 3]));
    server.close();
    client.close();
    server.close();
  }
});

Deno.test("a TLS session tells what was agreed on", async () => {
  const { server, client } = await securePair();
  assertEquals(server.tls, {
    version: "TLSv1.3",
    cipher: "TLS_AES_256_GCM_SHA384",
    serverName: "mx.test",
    endPoint: new Uint8Array(32).fill(7),
  });
  const { endPoint: _, ...agreed } = server.tls;
  const { certificate, ...seen } = client.tls;
  assertEquals(seen, { ...agreed, isVerified: true });
  assert(certificate !== undefined && certificate.length > 0);
  assertEquals(server.remote, client.local);
  assertEquals(server.local, client.remote);
  server.close();
  client.close();
});

Deno.test("a TLS client tells why it cannot verify the server", async () => {
  const table = [
    { name: "mx.test", authorities: [], problem: /issuer|self-signed|verify|authority/i },
    { name: "wrong.test", authorities: [AUTHORITY], problem: /name|altname|IDENT/i },
  ];
  for (const { name, authorities, problem } of table) {
    const { server, client } = await securePair(memoryPair(), name, authorities);
    assertEquals(client.tls.isVerified, false);
    assert(problem.test(client.tls.problem ?? ""), `${name}: ${client.tls.problem}`);
    server.close();
    client.close();
  }
});

Deno.test("a TLS client verifies an address, and asks for none by name", async () => {
  for (const [serverName, isVerified] of [["127.0.0.1", true], ["127.0.0.2", false]] as const) {
    const [accepted, connected] = memoryPair();
    const [server, client] = await Promise.all([
      secureServer(accepted, tlsIdentity([ADDRESS])),
      secureClient(connected, { serverName, authorities: [AUTHORITY] }),
    ]);
    assertEquals(server.tls.serverName, undefined);
    assertEquals(client.tls.isVerified, isVerified, client.tls.problem);
    server.close();
    client.close();
  }
});

Deno.test("a TLS server shows the certificate that the client asks for", async () => {
  const { server, client } = await securePair(memoryPair(), "other.test");
  assertEquals(server.tls.serverName, "other.test");
  assertEquals(client.tls.isVerified, true);
  server.close();
  client.close();
});

Deno.test("a client is known by the certificate that it shows, where it is asked for one", async () => {
  const expected = new X509Certificate(OTHER.certificate).fingerprint256;
  const table = [
    { asks: true, shows: OTHER, found: expected.replaceAll(":", "").toLowerCase() },
    { asks: true, shows: undefined, found: undefined },
    { asks: false, shows: OTHER, found: undefined },
  ];
  for (const { asks, shows, found } of table) {
    using listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const socket = connect({
      ...{ host: "127.0.0.1", port: listener.addr.port, servername: "mx.test", ca: [AUTHORITY] },
      ...shows && { cert: shows.certificate, key: shows.key },
    });
    const closed = new Promise((resolve) => socket.once("close", resolve));
    using server = await secureServer(tcpTransport(await listener.accept()), testIdentity(asks));
    assertEquals(server.tls.clientFingerprint, found);
    socket.destroy();
    await closed;
  }
});

Deno.test("a handshake with something else than TLS fails and closes the transport", async () => {
  for (
    const words of ["EHLO client.test\r\n", "\x16\x03\x01\x00\x05hello", "GET / HTTP/1.1\r\n\r\n"]
  ) {
    const [server, client] = memoryPair();
    const secured = secureServer(server, identity);
    await client.write(new TextEncoder().encode(words));
    await client.closeWrite();
    await assertRejects(() => secured, Error);
    await assertRejects(() => server.write(new Uint8Array(1)));
  }
});

Deno.test("a handshake ends when its signal is aborted", async () => {
  const [server] = memoryPair();
  const controller = new AbortController();
  const secured = secureServer(server, identity, { signal: controller.signal });
  controller.abort(new Error("the handshake took too long"));
  await assertRejects(() => secured, Error, "the handshake took too long");
  await assertRejects(() => server.write(new Uint8Array(1)));
});

Deno.test("a handshake ends when the other end goes away", async () => {
  const [server, client] = memoryPair();
  const secured = secureServer(server, identity);
  client.close();
  await assertRejects(() => secured, Error);
});

Deno.test("a TLS session that is not read from takes only so much", async () => {
  const { server, client } = await securePair(await tcpPair());
  let written = 0;
  const slice = new Uint8Array(64 * 1024);
  const writing = (async () => {
    for (;;) {
      await client.write(slice);
      written += slice.length;
    }
  })();
  writing.catch(() => {});
  let before = -1;
  while (written > before) {
    before = written;
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  // The buffers of two sockets, of TLS and of the streams between.
  assert(written < 16 * 1024 * 1024, `${written} octets`);
  server.close();
  client.close();
  await assertRejects(() => writing);
});
