import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { resolveConfig } from "../../lib/config/sources.ts";
import { authSecretOf } from "../../lib/cli/auth_secret.ts";
import { testSystem } from "./surroundings.ts";

function configOf(queue: string, noQueue = false) {
  const flags = new Map([["queue", [queue]], ["noQueue", [`${noQueue}`]]] as const);
  return resolveConfig({ flags: new Map(flags), environment: new Map() }, testSystem);
}

Deno.test("the secret of a state directory is made once, for its owner alone", () => {
  const directory = Deno.makeTempDirSync();
  const events: string[] = [];
  const log = (_level: string, event: string) => void events.push(event);
  try {
    const first = authSecretOf(configOf(directory), log);
    assertEquals(first?.length, 32);
    assertEquals(authSecretOf(configOf(directory), log), first);
    assertEquals(Deno.statSync(`${directory}/auth-secret`).mode! & 0o777, 0o600);
    Deno.writeFileSync(`${directory}/auth-secret`, new Uint8Array(5));
    assertNotEquals(authSecretOf(configOf(directory), log), first);
    assertEquals(events, []);
    assertEquals(authSecretOf(configOf(`${directory}/none`), log), undefined);
    assertEquals(events, ["auth-secret-failed"]);
    assert(authSecretOf(configOf(directory, true), log) === undefined);
  } finally {
    Deno.removeSync(directory, { recursive: true });
  }
});
