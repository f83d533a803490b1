// What is fetched from Debian once, into build/debian/, and stays there, whoever asks for it at the same time.

import { join } from "node:path";
import { withLock } from "./lock.ts";
import { BUILD } from "./paths.ts";

/** The folder of all of them. */
export const DEBIAN_FOLDER = join(BUILD, "debian");

export class Fetchable {
  /** Where it lies once it is there. */
  readonly path: string;
  readonly #isThere: () => boolean;
  readonly #fetch: () => Promise<void>;

  constructor(path: string, isThere: () => boolean, fetch: () => Promise<void>) {
    this.path = path;
    this.#isThere = isThere;
    this.#fetch = fetch;
  }

  get isThere(): boolean {
    return this.#isThere();
  }

  /** Fetches it unless it is there; returns its path. */
  async fetch(): Promise<string> {
    if (!this.isThere) {
      await withLock(join(DEBIAN_FOLDER, "lock"), async () => {
        if (!this.isThere) await this.#fetch();
      });
    }
    return this.path;
  }
}
