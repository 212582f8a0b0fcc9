/** Where the page comes from. @module */

/** A file of the page. */
export interface PageAsset {
  /** Its media type. */
  readonly type: string;
  readonly body: Uint8Array;
  /** Its own fields, among them the policy that it is shown by. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Finds a file of the page by its path. */
export type PageSource = (path: string) => Promise<PageAsset | undefined>;
