import { assertEquals } from "@std/assert";
import { ContentCache } from "../../lib/inbox/content_cache.ts";
import { readContent } from "../../lib/inbox/read_content.ts";
import { FakeClock } from "../net/fake_clock.ts";

const SECOND = 1000;

Deno.test("a message is forgotten when nobody has asked for it for a while", async () => {
  const clock = new FakeClock();
  const cache = new ContentCache(1024 * 1024, clock);
  const message = await readContent(new TextEncoder().encode("Subject: a\r\n\r\nb\r\n"), false);
  const here = () => ["old", "used"].filter((id) => cache.get(id) !== undefined);
  cache.put("old", message);
  await clock.advance(20 * SECOND);
  cache.put("used", message);
  await clock.advance(20 * SECOND);
  assertEquals(cache.get("used"), message);
  await clock.advance(20 * SECOND);
  assertEquals(here(), ["used"]);
  await clock.advance(29 * SECOND);
  assertEquals(here(), ["used"]);
  await clock.advance(60 * SECOND);
  assertEquals([here(), clock.waiting], [[], 0]);
  cache.put("old", message);
  assertEquals([here(), clock.waiting], [["old"], 1]);
  cache.clear();
  assertEquals([here(), clock.waiting], [[], 0]);
});
