// The core with a fault, for the process that is to run it in place of core.wasm: a folder with core.wasm and mutant.json.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ROOT } from "../paths.ts";

/** Its folder, relative to the repository's root, if this process is to run it. */
export const mutantFolder = process.env.HYPER_LITE_MUTANT;

/** The file of src/ that has changed, and what it has become. */
export interface Changed {
  readonly file: string;
  readonly text: string;
}

/** The sources of the mutant: what a file has become; undefined if it is as it was. */
export const mutatedSource = (folder: string): ((file: string) => string | undefined) => {
  const { file, text } = JSON.parse(readFileSync(join(ROOT, folder, "mutant.json"), "utf8")) as Changed;
  return (name) => (name === file ? text : undefined);
};
