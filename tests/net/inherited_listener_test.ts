import { assertThrows } from "@std/assert";
import { InheritError, inheritListener } from "../../lib/net/inherited_listener.ts";

// That one which listens is taken over is tried end to end: only another process can pass one on.
Deno.test("a descriptor that is none is refused", () => {
  // Nobody has as many files open.
  assertThrows(() => inheritListener(1_000_000), InheritError, "descriptor 1000000");
});
