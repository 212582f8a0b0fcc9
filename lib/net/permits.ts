/** How many connections there are, in all and for each client address. @module */

/** Counts connections. Its table has an entry for an address only while that address is connected. */
export class Permits {
  readonly #most: number;
  readonly #mostPerAddress: number;
  readonly #byAddress = new Map<string, number>();
  #taken = 0;

  /** Sets both limits. */
  constructor(most: number, mostPerAddress: number) {
    this.#most = most;
    this.#mostPerAddress = mostPerAddress;
  }

  /** Takes a permit, or answers which limit is reached. */
  take(address: string): "taken" | "too many" | "too many from this address" {
    const ofAddress = this.#byAddress.get(address) ?? 0;
    if (ofAddress >= this.#mostPerAddress) return "too many from this address";
    if (this.#taken >= this.#most) return "too many";
    this.#taken++;
    this.#byAddress.set(address, ofAddress + 1);
    return "taken";
  }

  /** Gives a permit back. */
  give(address: string): void {
    this.#taken--;
    const left = (this.#byAddress.get(address) ?? 1) - 1;
    if (left > 0) this.#byAddress.set(address, left);
    else this.#byAddress.delete(address);
  }
}
