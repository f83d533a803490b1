// AArch64 machine code as objdump prints it: functions, their instructions, where branches lead.

import { run } from "./run.ts";

export const objdump = "aarch64-linux-gnu-objdump";

export interface Instruction {
  readonly address: number;
  readonly mnemonic: string;
  readonly operands: string;
  /** A branch's or a reference's target: its address and the function it lies in. */
  readonly target: { readonly address: number; readonly name: string } | undefined;
}

export interface MachineFunction {
  readonly name: string;
  readonly instructions: readonly Instruction[];
}

/** What follows a label is its function's. Addresses are exact as numbers: 48 bits. */
export function parseDisassembly(text: string): MachineFunction[] {
  const functions: { name: string; instructions: Instruction[] }[] = [];
  for (const line of text.split("\n")) {
    const label = /^[0-9a-f]+ <(.+)>:$/.exec(line);
    if (label) functions.push({ name: label[1] ?? "", instructions: [] });
    const found = /^\s*([0-9a-f]+):\t(\S+)\s*([^/]*)/.exec(line);
    if (!found || found[2]?.startsWith(".")) continue;
    const [, address = "", mnemonic = "", operands = ""] = found;
    const to = /([0-9a-f]+) <([^>+]+)(?:\+0x[0-9a-f]+)?>/.exec(operands);
    const target = to ? { address: Number.parseInt(to[1] ?? "", 16), name: to[2] ?? "" } : undefined;
    functions.at(-1)?.instructions.push({
      address: Number.parseInt(address, 16),
      mnemonic,
      operands: operands.replace(/<.*>/, "").trim(),
      target,
    });
  }
  return functions;
}

export const disassemble = (file: string): MachineFunction[] =>
  parseDisassembly(run(objdump, ["-d", "--no-show-raw-insn", file]));

/** `b`, `b.eq`, `cbz`, `tbnz`, …: branches that leave no return address. */
export const isBranch = ({ mnemonic }: Instruction): boolean => /^(b|b\.\w+|cbn?z|tbn?z)$/.test(mnemonic);
/** Nothing behind it is reached. */
export const isEnd = ({ mnemonic }: Instruction): boolean => /^(b|br|ret|eret|brk|udf)$/.test(mnemonic);

/** What a register holds when `instructions` have run, if the last of them that names it first loads a constant. */
function constantIn(register: string, instructions: readonly Instruction[]): number | undefined {
  const last = instructions.findLast(({ operands }) => operands.startsWith(`${register},`));
  const value = last?.mnemonic === "mov" ? /, #(0x[0-9a-f]+|\d+)$/.exec(last.operands)?.[1] : undefined;
  return value === undefined ? undefined : Number(value);
}

/** Bytes by which a function moves its stack pointer down, all in all; undefined if that is not a constant. */
export function frameOf({ instructions }: MachineFunction): number | undefined {
  let bytes = 0;
  for (const [n, { mnemonic, operands }] of instructions.entries()) {
    const [, stored] = /\[sp, #-(0x[0-9a-f]+|\d+)\]!$/.exec(operands) ?? [];
    const [, by = "", shifted] = (mnemonic === "sub" && /^sp, sp, #?(\w+)(, lsl #12)?$/.exec(operands)) || [];
    if (stored !== undefined) bytes += Number(stored);
    if (by === "") continue;
    const constant = by.startsWith("x") ? constantIn(by, instructions.slice(0, n)) : Number(by);
    if (constant === undefined) return undefined;
    bytes += constant * (shifted ? 4096 : 1);
  }
  return bytes;
}
