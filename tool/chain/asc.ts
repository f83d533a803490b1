// asc, but for one thing: it inlines none but the smallest functions. gcc does, unless metal/core.c says that a function stands apart (what an exit does not need is to cost
// it nothing), which it cannot once Binaryen has made one function of two.

import binaryen from "assemblyscript/binaryen";

type SetLimit = (size: number) => void;
const compiler = binaryen as unknown as Record<string, SetLimit>;
for (const limit of ["FlexibleInline", "OneCallerInline"]) {
  const name = `_BinaryenSet${limit}MaxSize`;
  const set = compiler[name];
  if (set === undefined) throw new Error(`Binaryen has no ${name}`);
  compiler[name] = () => set(0);
}

// asc takes its compiler's functions when it is loaded.
const { default: asc } = await import("assemblyscript/asc");
const { error, stderr } = await asc.main(process.argv.slice(2));
process.stderr.write(stderr.toString());
process.exitCode = error === null ? 0 : 1;
