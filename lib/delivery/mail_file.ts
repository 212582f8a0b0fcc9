/** A file that a message is written to as it comes. @module */

/** The buffer begins with this many octets and grows up to the other number. */
const FIRST_BUFFER = 8 * 1024;
/** A message that fits in is one write; a slice of half as much is not worth copying. */
const MAX_BUFFER = 64 * 1024;

/** The file. It is new, nobody else can read it, and it is written through one small buffer. */
export class MailFile implements Disposable {
  readonly #file: Deno.FsFile;
  #buffer = new Uint8Array(FIRST_BUFFER);
  #used = 0;

  private constructor(file: Deno.FsFile) {
    this.#file = file;
  }

  /** Makes the file; fails where there is one. A symbolic link in its place is not followed. */
  static async create(path: string): Promise<MailFile> {
    return new MailFile(await Deno.open(path, { write: true, createNew: true, mode: 0o600 }));
  }

  /** Takes octets; they may be overwritten once this has settled. */
  write(bytes: Uint8Array): Promise<void> | void {
    const room = MAX_BUFFER - this.#used;
    if (bytes.length > room) return this.#spill(bytes);
    this.#append(bytes);
  }

  /** Puts what was written on stable storage. */
  async sync(): Promise<void> {
    await this.#flush();
    await this.#file.sync();
  }

  /** Closes the file. What is in the buffer is lost unless {@linkcode sync} was called. */
  [Symbol.dispose](): void {
    this.#file.close();
  }

  #append(bytes: Uint8Array): void {
    const used = this.#used + bytes.length;
    if (used > this.#buffer.length) {
      let size = this.#buffer.length * 2;
      while (size < used) size *= 2;
      const larger = new Uint8Array(size);
      larger.set(this.#buffer.subarray(0, this.#used));
      this.#buffer = larger;
    }
    this.#buffer.set(bytes, this.#used);
    this.#used = used;
  }

  async #spill(bytes: Uint8Array): Promise<void> {
    await this.#flush();
    if (bytes.length >= MAX_BUFFER / 2) await this.#writeAll(bytes);
    else this.#append(bytes);
  }

  async #flush(): Promise<void> {
    const bytes = this.#buffer.subarray(0, this.#used);
    this.#used = 0;
    await this.#writeAll(bytes);
  }

  async #writeAll(bytes: Uint8Array): Promise<void> {
    for (let at = 0; at < bytes.length;) at += await this.#file.write(bytes.subarray(at));
  }
}
