/** What is counted and measured with. @module */
import { type Chosen, type Labels, type Sample, Series } from "./series.ts";

/** What a metric is, as formats know it. */
export type MetricType = "counter" | "gauge" | "histogram";

/** A metric with all its series. */
export interface Metric {
  /** Its name, by the conventions of Prometheus. */
  readonly name: string;
  /** What it counts or measures, in one line. */
  readonly help: string;
  readonly type: MetricType;
  /** The names of its labels. */
  readonly labelNames: readonly string[];
  /** Its series as they stand. */
  samples(): Sample[];
}

/** What a counter, gauge or histogram is made of. */
interface Described<L extends Labels> {
  readonly name: string;
  readonly help: string;
  readonly labels: L;
}

/** A number that only grows. */
export class Counter<L extends Labels> implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type = "counter";
  readonly #series: Series<L, { count: number }>;

  /** Begins at zero. */
  constructor({ name, help, labels }: Described<L>) {
    this.name = name;
    this.help = help;
    this.#series = new Series(labels, () => ({ count: 0 }));
  }

  get labelNames(): readonly string[] {
    return this.#series.labelNames;
  }

  /** Counts. */
  add(labels: Chosen<L>, amount = 1): void {
    this.#series.at(labels).count += amount;
  }

  samples(): Sample[] {
    return this.#series.map((labels, { count: value }) => ({ labels, value }));
  }
}

/** A number that is found out when it is asked for. A series whose value is not known is not shown. */
export class Gauge<L extends Labels> implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type: MetricType;
  readonly #series: Series<L, { value: number | undefined }>;

  /** @param type `counter` for what somebody else counts */
  constructor({ name, help, labels }: Described<L>, type: "gauge" | "counter" = "gauge") {
    this.name = name;
    this.help = help;
    this.type = type;
    this.#series = new Series(labels, () => ({ value: undefined }));
  }

  get labelNames(): readonly string[] {
    return this.#series.labelNames;
  }

  /** Tells what it is now; nothing where that is not known. */
  set(labels: Chosen<L>, value: number | undefined): void {
    this.#series.at(labels).value = value;
  }

  samples(): Sample[] {
    return this.#series.map((labels, { value }) => value === undefined ? [] : [{ labels, value }])
      .flat();
  }
}

/** How often something was how large, in buckets. */
export class Histogram<L extends Labels> implements Metric {
  readonly name: string;
  readonly help: string;
  readonly type = "histogram";
  readonly #bounds: readonly number[];
  readonly #series: Series<L, { readonly counts: number[]; sum: number }>;

  /** @param bounds the largest value of each bucket but the last, ascending */
  constructor({ name, help, labels }: Described<L>, bounds: readonly number[]) {
    this.name = name;
    this.help = help;
    this.#bounds = bounds;
    this.#series = new Series(labels, () => ({
      counts: new Array<number>(bounds.length + 1).fill(0),
      sum: 0,
    }));
  }

  get labelNames(): readonly string[] {
    return this.#series.labelNames;
  }

  /** Counts a value. */
  observe(labels: Chosen<L>, value: number): void {
    const series = this.#series.at(labels);
    const bucket = this.#bounds.findIndex((bound) => value <= bound);
    series.counts[bucket < 0 ? this.#bounds.length : bucket]++;
    series.sum += value;
  }

  samples(): Sample[] {
    return this.#series.map((labels, { counts, sum }) => {
      let count = 0;
      const buckets = counts.map((more, i): Sample => {
        const bound = this.#bounds[i] ?? Infinity;
        return {
          suffix: "_bucket",
          labels: [...labels, ["le", formatBound(bound)]],
          value: count += more,
        };
      });
      return [
        ...buckets,
        { suffix: "_sum", labels, value: sum } as const,
        { suffix: "_count", labels, value: count } as const,
      ];
    }).flat();
  }
}

/** A bound as OpenMetrics has it, where 1 is `1.0`; a series keeps its name whatever the format is. */
function formatBound(bound: number): string {
  if (bound === Infinity) return "+Inf";
  return Number.isInteger(bound) ? bound.toFixed(1) : String(bound);
}
