// What a VM's memory holds when its first instruction is about to run: what the bundle loads into it, and zeros. A byte that anybody else has left, or
// that it has left itself before a reset, is found here.

import { Violation } from "../faults.ts";
import type { Ram } from "../ram.ts";
import { hex } from "../words.ts";
import type { Mapping } from "./owners.ts";
import type { VmDescription } from "./system.ts";

const PAGE = 4096;

/** A page that something is loaded into: its bytes, and which of them are loaded (1). */
interface Page {
  readonly bytes: Buffer;
  readonly isLoaded: Buffer;
}
const UNLOADED: Page = { bytes: Buffer.alloc(PAGE), isLoaded: Buffer.alloc(PAGE) };

const pagesOf = (vm: VmDescription): Map<number, Page> => {
  const pages = new Map<number, Page>();
  for (const { ipa, bytes } of vm.payloads) {
    for (let done = 0; done < bytes.length; ) {
      const at = (ipa + done) % PAGE;
      const length = Math.min(PAGE - at, bytes.length - done);
      const page = pages.get(ipa + done - at) ?? { bytes: Buffer.alloc(PAGE), isLoaded: Buffer.alloc(PAGE) };
      bytes.copy(page.bytes, at, done, done + length);
      page.isLoaded.fill(1, at, at + length);
      pages.set(ipa + done - at, page);
      done += length;
    }
  }
  return pages;
};

export class Contents {
  readonly #vm: VmDescription;
  readonly #pages: Map<number, Page>;

  constructor(vm: VmDescription) {
    this.#vm = vm;
    this.#pages = pagesOf(vm);
  }

  /** What a page holds, without what the core fills in. */
  #fixed(ipa: number, page: Uint8Array): Buffer {
    const copy = Buffer.from(page);
    for (const free of this.#vm.free) {
      const [start, end] = [Math.max(0, free.ipa - ipa), Math.min(PAGE, free.ipa + free.bytes - ipa)];
      if (start < end) copy.fill(0, start, end);
    }
    return copy;
  }

  /** Requires that what a leaf maps is as it must be; `isLeft`: whether bytes of a page that nothing is loaded into may be what a loader has left. */
  require(who: string, { ipa, pa, bytes }: Mapping, ram: Ram, isLeft: (pa: number) => boolean): void {
    const pages = new Set(ram.writtenIn(pa, bytes).map((page) => page - pa + ipa));
    for (const page of this.#pages.keys()) if (page >= ipa && page < ipa + bytes) pages.add(page);
    for (const page of pages) {
      const loaded = this.#pages.get(page) ?? UNLOADED;
      const at = page - ipa + pa;
      const found = ram.readBytes(at, PAGE);
      if (Buffer.compare(found, loaded.bytes) === 0) continue;
      const [is, must, left] = [this.#fixed(page, found), this.#fixed(page, loaded.bytes), isLeft(at)];
      const byte = is.findIndex((value, n) => value !== must[n] && (loaded.isLoaded[n] === 1 || !left));
      if (byte < 0) continue;
      const what = loaded.isLoaded[byte] === 1 ? "is not as the bundle has it" : "nobody has cleared";
      throw new Violation(
        `${who} starts with a byte of ${hex(is[byte]!)} at ${hex(page + byte)} (${hex(at + byte)}), which ${what}`,
      );
    }
  }
}
