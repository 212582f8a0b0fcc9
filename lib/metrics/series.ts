/** The series of a metric: one for each combination of the values that its labels may have. @module */

/** The values that each label may have. There is a series for each combination, and never another. */
export type Labels = Readonly<Record<string, readonly string[]>>;

/** A value for each label. */
export type Chosen<L extends Labels> = { readonly [Name in keyof L]: L[Name][number] };

/** One line of what is shown. */
export interface Sample {
  /** What is behind the name of the metric, as `_bucket`. */
  readonly suffix?: "_bucket" | "_sum" | "_count";
  readonly labels: readonly (readonly [name: string, value: string])[];
  readonly value: number;
}

/** The series of one metric, which are all there from the beginning. */
export class Series<L extends Labels, T> {
  readonly #labels: L;
  readonly #byKey: ReadonlyMap<string, T>;
  readonly #all: readonly (readonly [Sample["labels"], T])[];

  /** Makes them all. */
  constructor(labels: L, make: () => T) {
    this.#labels = labels;
    this.#all = combinations(Object.entries(labels)).map((chosen) => [chosen, make()]);
    this.#byKey = new Map(
      this.#all.map(([chosen, series]) => [keyOf(chosen.map(([, value]) => value)), series]),
    );
  }

  /** The names of the labels. */
  get labelNames(): readonly string[] {
    return Object.keys(this.#labels);
  }

  /** One of them. @throws {RangeError} if a value is none of its label's */
  at(chosen: Chosen<L>): T {
    const values: string[] = [];
    for (const name in this.#labels) values.push(chosen[name]);
    const series = this.#byKey.get(keyOf(values));
    if (series === undefined) throw new RangeError(`Cannot count ${values}: no label has that`);
    return series;
  }

  /** All of them, in the order of the values. */
  map<S>(make: (labels: Sample["labels"], series: T) => S): S[] {
    return this.#all.map(([labels, series]) => make(labels, series));
  }
}

function keyOf(values: readonly string[]): string {
  return values.join("\0");
}

function combinations(
  labels: readonly (readonly [string, readonly string[]])[],
): Sample["labels"][] {
  let all: Sample["labels"][] = [[]];
  for (const [name, values] of labels) {
    all = all.flatMap((one) => values.map((value) => [...one, [name, value] as const]));
  }
  return all;
}
