/** All metrics of a program, and what is found out only when somebody asks for them. @module */
import { Counter, Gauge, Histogram, type Metric } from "./instruments.ts";
import type { Labels } from "./series.ts";

/** All metrics of a program. */
export class Registry {
  readonly #metrics = new Map<string, Metric>();
  readonly #measures: (() => Promise<void> | void)[] = [];
  #measuring: Promise<unknown> | undefined;

  /**
   * Makes a counter.
   *
   * @throws {TypeError} if there is a metric of that name
   */
  counter<const L extends Labels>(name: string, help: string, labels: L): Counter<L> {
    return this.#add(new Counter({ name, help, labels }));
  }

  /** Makes a gauge, or a counter that somebody else counts, as {@linkcode counter} does. */
  gauge<const L extends Labels>(
    name: string,
    help: string,
    labels: L,
    type?: "gauge" | "counter",
  ): Gauge<L> {
    return this.#add(new Gauge({ name, help, labels }, type));
  }

  /** Makes a histogram, as {@linkcode counter} does. */
  histogram<const L extends Labels>(
    name: string,
    help: string,
    bounds: readonly number[],
    labels: L,
  ): Histogram<L> {
    return this.#add(new Histogram({ name, help, labels }, bounds));
  }

  /** Has gauges set before they are shown. What it does has to end in a time of its own. */
  onScrape(measure: () => Promise<void> | void): void {
    this.#measures.push(measure);
  }

  /** All metrics as they stand. Those who ask at the same time share what is found out. */
  async scrape(): Promise<Metric[]> {
    this.#measuring ??= Promise.all(this.#measures.map((measure) => measure()))
      .finally(() => this.#measuring = undefined);
    await this.#measuring;
    return [...this.#metrics.values()];
  }

  #add<M extends Metric>(metric: M): M {
    const { name } = metric;
    if (this.#metrics.has(name)) throw new TypeError(`Cannot have two metrics ${name}`);
    this.#metrics.set(name, metric);
    return metric;
  }
}
