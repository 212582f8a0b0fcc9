/** How many connections there are, in all, for each client address and for each client network. @module */

/** The most connections at once. */
export interface PermitLimits {
  /** In all. */
  readonly maxConnections: number;
  /** From one address. */
  readonly maxConnectionsPerIp: number;
  /** From one client network. */
  readonly maxConnectionsPerNetwork: number;
}

/** How many of the connections each of some clients has. */
class Counts {
  readonly #counts = new Map<string, number>();

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  add(name: string, more: 1 | -1): void {
    const count = this.of(name) + more;
    if (count > 0) this.#counts.set(name, count);
    else this.#counts.delete(name);
  }
}

/** Counts connections. It has an entry for an address or network only while that is connected. */
export class Permits {
  readonly #limits: PermitLimits;
  readonly #byAddress = new Counts();
  readonly #byNetwork = new Counts();
  #taken = 0;

  /** Sets the limits. */
  constructor(limits: PermitLimits) {
    this.#limits = limits;
  }

  /**
   * Takes a permit, or answers which limit is reached.
   *
   * @param network the client network; none where that is not limited
   */
  take(
    address: string,
    network?: string,
  ): "taken" | "too many" | "too many from this address" | "too many from this network" {
    const { maxConnections, maxConnectionsPerIp, maxConnectionsPerNetwork } = this.#limits;
    if (this.#byAddress.of(address) >= maxConnectionsPerIp) return "too many from this address";
    if (network !== undefined && this.#byNetwork.of(network) >= maxConnectionsPerNetwork) {
      return "too many from this network";
    }
    if (this.#taken >= maxConnections) return "too many";
    this.#count(address, network, 1);
    return "taken";
  }

  /** Gives a permit back. */
  give(address: string, network?: string): void {
    this.#count(address, network, -1);
  }

  #count(address: string, network: string | undefined, more: 1 | -1): void {
    this.#taken += more;
    this.#byAddress.add(address, more);
    if (network !== undefined) this.#byNetwork.add(network, more);
  }
}
