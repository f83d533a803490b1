// Where expressions stand in the sources, as the compiler says it to Binaryen for its source map. It takes Binaryen's functions when it is loaded: this
// file has to be loaded before it.

import binaryen from "assemblyscript/binaryen";
import type { Place } from "./counters.ts";

type Place3 = readonly [file: number, line: number, column: number];
const places = new Map<number, Place3>();

type SetPlace = (func: number, expression: number, file: number, line: number, column: number) => void;
const functions = binaryen as unknown as { _BinaryenFunctionSetDebugLocation: SetPlace };
const set = functions._BinaryenFunctionSetDebugLocation;
functions._BinaryenFunctionSetDebugLocation = (func, expression, file, line, column) => {
  places.set(expression, [file, line, column]);
  set(func, expression, file, line, column);
};

export const placeOf = (module: binaryen.Module, expression: number): Place | undefined => {
  const found = places.get(expression);
  return found && { file: module.getDebugInfoFileName(found[0]) ?? "", line: found[1], column: found[2] };
};
