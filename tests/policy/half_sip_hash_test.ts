import { assertEquals } from "@std/assert";
import { halfSipHash } from "../../lib/policy/half_sip_hash.ts";

/** Vectors of the reference: the key and the input are octets that count up from 0. */
const vectors: [length: number, hash: string][] = [
  [0, "218d1f59b9b83cc8"],
  [1, "be552412f8387315"],
  [2, "064f39ef7c50eb57"],
  [3, "ce0f1a45f7060679"],
  [4, "d5e78a175be52ea1"],
  [7, "ff202728b07bc684"],
  [8, "edfee820bce4858c"],
];

Deno.test("HalfSipHash answers what its reference does", () => {
  const key = Uint32Array.of(0x03020100, 0x07060504);
  const hash = new Uint32Array(2);
  for (const [length, expected] of vectors) {
    halfSipHash(key, Uint8Array.from({ length }, (_, i) => i), hash);
    const octets = new Uint8Array(8);
    const view = new DataView(octets.buffer);
    view.setUint32(0, hash[0], true);
    view.setUint32(4, hash[1], true);
    assertEquals(octets.toHex(), expected, `${length} octets`);
  }
});
