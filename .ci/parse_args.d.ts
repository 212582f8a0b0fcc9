// The part of the declarations of @std/cli/parse-args that holds for its earlier form as well. Values
// are `unknown`, so code that checks against this also checks against the narrower published types.

export interface Args {
  /** Arguments that belong to no flag. */
  _: Array<string | number>;
  [flag: string]: unknown;
}

export interface ParseOptions {
  "--"?: boolean;
  alias?: Record<string, string | readonly string[]>;
  boolean?: boolean | string | readonly string[];
  collect?: string | readonly string[];
  default?: Record<string, unknown>;
  negatable?: string | readonly string[];
  stopEarly?: boolean;
  string?: string | readonly string[];
  unknown?: (arg: string, key?: string, value?: unknown) => unknown;
}

export declare function parseArgs(args: string[], options?: ParseOptions): Args;
