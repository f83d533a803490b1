// Faults become cores, unoptimised, in a second each. A fault that the compiler refuses, or that leaves the core as it was, is none.

import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compileCore, readBook } from "../../sim/sanitizers/book.ts";
import { CORE } from "../chain/asc-arguments.ts";
import { compiledFrom } from "../chain/compile.ts";
import { BuildError } from "../chain/run.ts";
import { ROOT } from "../paths.ts";
import { applied, type Fault } from "./faults.ts";
import type { Changed } from "./mutant.ts";

/** Memory that says nothing: it is asked where the core keeps its books alone. */
const NOTHING = new DataView(new ArrayBuffer(CORE.pages * 0x1_0000));

/** Whether the simulator finds the core's books of memory (sim/sanitizers/book.ts): a fault that hides them would be reported for that alone. */
const showsBooks = (bytes: Uint8Array): boolean => {
  try {
    readBook(compileCore(bytes), NOTHING);
    return true;
  } catch {
    return false;
  }
};

const write = (folder: string, bytes: Uint8Array, changed: Changed): void => {
  rmSync(join(ROOT, folder), { recursive: true, force: true });
  mkdirSync(join(ROOT, folder), { recursive: true });
  writeFileSync(join(ROOT, folder, "core.wasm"), bytes);
  writeFileSync(join(ROOT, folder, "mutant.json"), JSON.stringify(changed));
};

export class Mutants {
  readonly #original: Uint8Array;

  private constructor(original: Uint8Array) {
    this.#original = original;
  }

  /** `folder`: where the core as it is goes, compiled like those with faults. */
  static async begin(folder: string): Promise<Mutants> {
    const original = await compiledFrom(CORE, () => undefined);
    write(folder, original, { file: "", text: "" });
    return new Mutants(original);
  }

  /** Puts the core with a fault into a folder (mutant.ts); or returns why there is none. */
  async make(fault: Fault, folder: string): Promise<string | undefined> {
    const text = applied(readFileSync(join(ROOT, fault.file), "utf8"), fault.edit);
    let bytes: Uint8Array;
    try {
      bytes = await compiledFrom(CORE, (file) => (file === fault.file ? text : undefined));
    } catch (error) {
      if (error instanceof BuildError) return "it does not compile";
      throw error;
    }
    if (Buffer.compare(bytes, this.#original) === 0) return "it leaves core.wasm as it is";
    if (!showsBooks(bytes)) return "the simulator cannot read the core's books then";
    write(folder, bytes, { file: fault.file, text });
    return undefined;
  }
}
