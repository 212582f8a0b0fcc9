/** Octets that come in slices and are wanted as one. @module */

/** The first allocation; most messages fit. */
const FIRST = 8 * 1024;

/** A buffer that grows as it is filled. */
export interface OctetBuffer {
  /** Octets in it. */
  readonly size: number;
  /** Copies a slice in. */
  append(bytes: Uint8Array): void;
  /** The octets from one on, which hold until something is appended or they are taken. */
  from(start: number): Uint8Array;
  /** The octets, over a buffer of their own. The buffer is empty after that. */
  take(): Uint8Array<ArrayBuffer>;
}

/** Makes an empty buffer, which costs nothing until something is put in. */
export function octetBuffer(): OctetBuffer {
  let octets = new Uint8Array(0);
  let size = 0;
  return {
    get size() {
      return size;
    },
    append(bytes) {
      const needed = size + bytes.length;
      if (needed > octets.length) {
        const larger = new Uint8Array(Math.max(FIRST, needed, octets.length * 2));
        larger.set(octets.subarray(0, size));
        octets = larger;
      }
      octets.set(bytes, size);
      size = needed;
    },
    from: (start) => octets.subarray(start, size),
    take() {
      const taken = octets.subarray(0, size);
      octets = new Uint8Array(0);
      size = 0;
      return taken;
    },
  };
}
