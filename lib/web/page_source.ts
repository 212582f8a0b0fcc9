/** Where the page comes from. @module */

/** A file of the page. */
export interface PageAsset {
  /** Its media type. */
  readonly type: string;
  /** Its octets. */
  readonly body: Uint8Array<ArrayBuffer>;
  /** The fields to answer it with, names in lower case; the media type and its policy are among them. */
  readonly headers: Readonly<Record<string, string>>;
}

/** Finds a file of the page by its path. */
export type PageSource = (path: string) => Promise<PageAsset | undefined>;
