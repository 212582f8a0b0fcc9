import { assert, assertEquals, assertMatch, assertThrows } from "@std/assert";
import type { ListenOptions } from "../../lib/net/listen.ts";
import { connectTcp } from "../../lib/net/tcp_transport.ts";
import { secureClient } from "../../lib/net/tls_transport.ts";
import { Client } from "./client.ts";
import { Listening, withEach } from "./listening.ts";
import { AUTHORITY, MX, OTHER } from "./tls_fixture.ts";

const accept = withEach((mail) => mail.accept());

function plain(name: string, password: string): string {
  return btoa(`\0${name}\0${password}`);
}

async function connectSecurely(port: number, serverName = "mx.test"): Promise<Client> {
  const transport = await connectTcp({ hostname: "127.0.0.1", port });
  return new Client(await secureClient(transport, { serverName, authorities: [AUTHORITY] }));
}

Deno.test("a program's own database says who may submit mail", async () => {
  const asked: string[] = [];
  const options: ListenOptions = {
    certificates: [MX],
    implicitTls: true,
    submission: true,
    auth: {
      password: (session, name, password) => {
        asked.push(`${session.tls?.version} ${name}`);
        return Promise.resolve(password === "pencil");
      },
    },
  };
  const accounts: (string | undefined)[] = [];
  await using listening = new Listening(async (session) => {
    for await (const mail of session.process()) {
      accounts.push(session.account);
      assertMatch(await mail.text(), /^Message-ID: /m);
      mail.accept();
    }
  }, options);
  using client = await connectSecurely(listening.server.port);
  await client.reply();
  assertMatch(await client.say("EHLO client.example.org"), /^250 AUTH PLAIN LOGIN\r$/m);
  assertMatch(await client.say("MAIL FROM:<joe@example.org>"), /^530 5\.7\.0 /);
  assertMatch(await client.say(`AUTH PLAIN ${plain("joe", "wrong")}`), /^535 5\.7\.8 /);
  assertMatch(await client.say(`AUTH PLAIN ${plain("joe", "pencil")}`), /^235 /);
  assertMatch(await client.begin("joe@example.org", "b@elsewhere.test"), /^354 /);
  assertMatch(await client.say("Subject: x\r\n\r\nHello\r\n."), /^250 /);
  assertEquals(accounts, ["joe"]);
  assertEquals(asked, ["TLSv1.3 joe", "TLSv1.3 joe"]);
  assertEquals(listening.bugs, []);
});

Deno.test("a program's tokens let clients in", async () => {
  await using listening = new Listening(accept, {
    auth: {
      allowPlaintext: true,
      token: (_session, { token }) => token === "opensesame" ? "ali" : undefined,
    },
  });
  using client = await listening.connect();
  await client.reply();
  assertMatch(await client.say("EHLO client.example.org"), /^250 AUTH OAUTHBEARER XOAUTH2\r$/m);
  const said = btoa("n,,\x01auth=Bearer opensesame\x01\x01");
  assertMatch(await client.say(`AUTH OAUTHBEARER ${said}`), /^235 /);
});

Deno.test("a program's certificates are chosen by the name that a client asks for", async () => {
  await using listening = new Listening(accept, { certificates: [MX, OTHER], implicitTls: true });
  for (const name of ["mx.test", "other.test"]) {
    const transport = await connectTcp({ hostname: "127.0.0.1", port: listening.server.port });
    using secured = await secureClient(transport, { serverName: name, authorities: [AUTHORITY] });
    assert(secured.tls.isVerified, name);
  }
});

Deno.test("a certificate that is none is an error, and nothing listens", () => {
  assertThrows(
    () => new Listening(accept, { certificates: [{ certificate: "x", key: "y" }] }),
    SyntaxError,
    "there is none in PEM",
  );
});
