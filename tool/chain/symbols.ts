// The table of functions that a crash at EL2 is explained with (src/traps/crash.ts): their number, then for each an offset in the image and
// one in the names, by ascending address, then the names, each with a 0 behind it.

import { layout } from "../../abi/layout.ts";

/** A name of wasm2c as it stood in TypeScript: `w2c_core_src0x2Fmain0x2FonSync` → `main/onSync`. */
export function demangle(symbol: string): string {
  if (!symbol.startsWith("w2c_core_")) return symbol;
  const name = symbol
    .slice("w2c_core_".length)
    .replaceAll(/0x([0-9A-F]{2})/g, (_, code: string) => String.fromCharCode(Number.parseInt(code, 16)));
  return name.replace(/^src\//, "").replace(/^~lib\//, "lib:");
}

/** `functions`: name → address. Numbers are 32-bit little-endian; padded to `bytes`. */
export function symbolTable(functions: Map<string, bigint>, bytes: number): Buffer {
  const sorted = [...functions].sort((a, b) => Number(a[1] - b[1]));
  const entries = Buffer.alloc(4 + 8 * sorted.length);
  entries.writeUInt32LE(sorted.length, 0);
  const names: Buffer[] = [];
  let at = 0;
  for (const [n, [name, address]] of sorted.entries()) {
    entries.writeUInt32LE(Number(address - BigInt(layout.IMAGE_VA)), 4 + 8 * n);
    entries.writeUInt32LE(at, 8 + 8 * n);
    const text = Buffer.from(`${demangle(name)}\0`);
    names.push(text);
    at += text.length;
  }
  const table = Buffer.concat([entries, ...names]);
  if (table.length > bytes) throw new Error(`the table of function names takes ${table.length} bytes, .symbols has ${bytes}`);
  return Buffer.concat([table, Buffer.alloc(bytes - table.length)]);
}
