// The core's own books of physical memory, read from its linear memory: which frames of 2 MiB are free (src/mmu/frames.ts), and which pages for tables
// (src/mmu/table-pool.ts). Where they are is read from the functions that use them, in the module itself; a core that has changed so much that this is
// not there is an error.

import { GLOBAL_GET, I32_CONST, readWasm } from "../../tool/chain/wasm.ts";
import { countingFolder } from "../../tool/coverage/counters.ts";
import { lowest } from "../words.ts";

export interface Book {
  /** Physical address of frame 0; whether frame `n` is free, for the 32768 that the map has. */
  readonly origin: number;
  readonly isFree: (frame: number) => boolean;
  /** All that are free. */
  readonly free: () => number[];
  /** The pool: where it is, how many pages it has, how many of them were ever taken, and the numbers of those that are back. */
  readonly pool: { readonly base: number; readonly pages: number; readonly used: number; readonly returned: readonly number[] };
}

/** Nothing of the core's data lies below. */
const DATA = 0x1_0000;
const MAP_BYTES = 4096;
const MAX_PAGES = 16384;

export const FRAMES = MAP_BYTES * 8;

interface Places {
  readonly map: number;
  readonly origin: number;
  readonly pool: number;
  readonly stack: number;
}

const placesIn = (bytes: Uint8Array): Places => {
  const { functions, globals } = readWasm(bytes);
  /** The addresses of data in functions, one of which there must be, the lowest first. */
  const addresses = (...names: string[]): number[] => {
    const found = functions.filter((one) => names.includes(one.name));
    if (found.length === 0) throw new Error(`the core has no ${names.join(", ")}: its books of memory cannot be found`);
    const values = found.flatMap(({ body }) =>
      body.map(({ opcode, immediate }) => (opcode === I32_CONST ? immediate : opcode === GLOBAL_GET ? globals[immediate] : 0)),
    );
    return [...new Set(values.map((value) => value ?? 0))].filter((value) => value >= DATA).sort((a, b) => a - b);
  };
  const [map = 0] = addresses("src/mmu/frames/mark", "src/mmu/frames/wordOf");
  const [origin = 0] = addresses("src/mmu/frames/setFree");
  const [pool = 0] = addresses("src/mmu/table-pool/init");
  const stack = addresses("src/mmu/table-pool/give").at(-1) ?? 0;
  if (map === 0 || origin < map + MAP_BYTES || pool === 0 || stack < pool + 20)
    throw new Error("the core's maps of memory are no longer what sim/sanitizers/book.ts takes them for");
  return { map, origin, pool, stack };
};

const modules = new WeakMap<WebAssembly.Module, Uint8Array>();
const places = new WeakMap<WebAssembly.Module, Places>();

/** A core that is compiled from its bytes; one that counts what it reaches keeps its counters in another memory, and shows no books. */
export const compileCore = (bytes: Uint8Array): WebAssembly.Module => {
  const module = new WebAssembly.Module(bytes as Uint8Array<ArrayBuffer>);
  if (countingFolder === undefined) modules.set(module, bytes);
  return module;
};

/** The books as they are in the memory of a core; undefined for one that did not come from `compileCore`. */
export const readBook = (module: WebAssembly.Module, view: DataView): Book | undefined => {
  const bytes = modules.get(module);
  if (bytes === undefined) return undefined;
  const at = places.get(module) ?? placesIn(bytes);
  places.set(module, at);
  const word = (address: number): number => view.getUint32(address, true);
  const [pages, used, returned] = [word(at.pool + 8), word(at.pool + 12), word(at.pool + 16)];
  if (used > pages || returned > used || pages > MAX_PAGES)
    throw new Error("the core's pool of tables is not where it was looked for");
  return {
    origin: Number(view.getBigUint64(at.origin, true)),
    isFree: (frame) => (view.getUint8(at.map + (frame >> 3)) & (1 << (frame & 7))) !== 0,
    free: () => {
      const frames: number[] = [];
      for (let byte = 0; byte < MAP_BYTES; byte += 4)
        for (let rest = word(at.map + byte); rest !== 0; rest &= rest - 1) frames.push(8 * byte + lowest(rest));
      return frames;
    },
    pool: {
      base: Number(view.getBigUint64(at.pool, true)),
      pages,
      used,
      returned: Array.from({ length: returned }, (_, n) => view.getUint16(at.stack + 2 * n, true)),
    },
  };
};
