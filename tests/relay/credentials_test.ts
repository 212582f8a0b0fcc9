import { assertEquals, assertThrows } from "@std/assert";
import {
  type Credentials,
  CredentialsError,
  readProof,
  Secret,
  type SecretSource,
} from "../../lib/relay/credentials.ts";

function credentials(source: SecretSource, kind: Credentials["kind"] = "password"): Credentials {
  return { user: "joe", kind, source };
}

const inRoute = (text: string): SecretSource => ({ kind: "route", secret: new Secret(text) });

Deno.test("credentials are read anew each time from their file, without its line break", () => {
  const path = Deno.makeTempFileSync();
  const file = credentials({ kind: "file", path });
  for (
    const [content, password] of [["one", "one"], ["two\n", "two"], ["th ree \r\n", "th ree "]]
  ) {
    Deno.writeTextFileSync(path, content);
    assertEquals(readProof(file), { kind: "password", user: "joe", password });
  }
  Deno.removeSync(path);
  assertThrows(
    () => readProof(file),
    CredentialsError,
    `Cannot log in: ${path} cannot be read (NotFound)`,
  );
});

Deno.test("credentials are read from the environment", () => {
  const variable = "SMTPD_SECRET_TEST_OF_CREDENTIALS";
  const token = credentials({ kind: "environment", variable }, "token");
  assertThrows(() => readProof(token), CredentialsError, `${variable} is not set`);
  Deno.env.set(variable, "abc.DEF-1=");
  try {
    assertEquals(readProof(token), { kind: "token", user: "joe", token: "abc.DEF-1=" });
  } finally {
    Deno.env.delete(variable);
  }
});

Deno.test("credentials that can be none are refused without being shown", () => {
  const table: [text: string, kind: Credentials["kind"], fault: string][] = [
    ["", "password", "the route holds no password"],
    ["secret\0", "password", "the password in the route has a control character"],
    ["secret\nb", "password", "the password in the route has a control character"],
    ["secret".repeat(2000), "password", "the route holds no password"],
    ["secret token", "token", "the route holds no token"],
    ["secret\x01", "token", "the token in the route has a control character"],
  ];
  for (const [text, kind, fault] of table) {
    const error = assertThrows(() => readProof(credentials(inRoute(text), kind)), CredentialsError);
    assertEquals(error.message, `Cannot log in: ${fault}`);
  }
});
