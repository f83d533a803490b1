// The counting build: the core, or a part of it that a test compiles, without optimisation (`asc -O0`), with counters (instrument.ts).
//
//     node tool/coverage/compile.ts ENTRY WASM PAGES BASE
//
// Beside WASM it leaves a JSON file: what the counters count.

import { writeFileSync } from "node:fs";
import type binaryen from "assemblyscript/binaryen";
import { commonArguments } from "../chain/asc-arguments.ts";
import type { Point } from "./counters.ts";
import { instrument } from "./instrument.ts";
import { placeOf } from "./places.ts";

const { default: asc } = await import("assemblyscript/asc");

let points: Point[] = [];
class Counting {
  afterCompile(module: binaryen.Module): void {
    points = instrument(module, (expression) => placeOf(module, expression));
  }
}

const [entry = "", wasm = "", pages, base] = process.argv.slice(2);
const args = [...commonArguments({ entry, wasm, pages: Number(pages), base: Number(base) }, "-O0"), "--sourceMap"];
const { error, stderr } = await asc.main(args, { transforms: [Counting as never] });
process.stderr.write(stderr.toString());
process.exitCode = error === null ? 0 : 1;
writeFileSync(wasm.replace(/\.wasm$/, ".json"), JSON.stringify(points));
