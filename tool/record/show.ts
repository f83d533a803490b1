// Exits of a replay as text: a line each, or one in detail.

import { record } from "../../abi/record.ts";
import { nameOf, type ShownExit } from "./exits.ts";
import { type Exit, type HalCall, hexArgs } from "./replay.ts";

const WORD = 8;
const PC = 31;
const REGISTERS_A_LINE = 4;
/** So many changes are shown of one exit. */
const MAX_CHANGES = 40;
const WIDTHS = { exit: 9, cpu: 4, vcpu: 7, pc: 18, what: 52, calls: 6 };

const hex = (value: bigint): string => `0x${value.toString(16)}`;
const wide = (value: bigint): string => `0x${value.toString(16).padStart(16, "0")}`;
const registerName = (n: number): string => (n < PC ? `x${n}` : n === PC ? "pc" : "spsr");

const columns = (exit: string, cpu: string, vcpu: string, pc: string, what: string, calls: string, then: string): string =>
  [
    exit.padStart(WIDTHS.exit),
    cpu.padStart(WIDTHS.cpu),
    vcpu.padEnd(WIDTHS.vcpu),
    pc.padEnd(WIDTHS.pc),
    what.padEnd(WIDTHS.what),
    calls.padStart(WIDTHS.calls),
    then,
  ]
    .join("  ")
    .trimEnd();

export const listHead = columns("exit", "cpu", "vCPU", "pc", "what", "calls", "then");

/** Registers of the vCPU that was left, as they are when the exit is over. */
export const registersIn = (memory: Buffer, { args, registers }: Exit): BigUint64Array | undefined => {
  if (registers === undefined) return undefined;
  const at = Number(args[0]);
  return new BigUint64Array(memory.buffer, memory.byteOffset + at, record.RECORD_REGISTERS).slice();
};

/** What an exit has changed of its vCPU's registers; a PC that went on to the next instruction is none. */
const registerChanges = (before: BigUint64Array, after: BigUint64Array): string[] =>
  [...before].flatMap((old, n) => {
    const fresh = after[n]!;
    const isStep = n === PC && fresh - old === 4n;
    return fresh === old || isStep ? [] : [`${registerName(n)} = ${hex(fresh)}`];
  });

const outcome = (exit: ShownExit, after: BigUint64Array | undefined): string => {
  const changes = exit.registers === undefined || after === undefined ? [] : registerChanges(exit.registers, after);
  const next = exit.isOver ? (exit.next === undefined ? "idles" : `enters ${exit.next}`) : "does not come back";
  const isSame = exit.isOver && exit.next !== undefined && exit.next === exit.vcpu;
  return [...changes, ...(isSame ? [] : [next])].join(", ");
};

/** A line of the list. */
export const exitLine = (exit: ShownExit, after: BigUint64Array | undefined): string => {
  const pc = exit.registers === undefined ? "" : wide(exit.registers[PC]!);
  const { number, cpu, vcpu, calls } = exit;
  return columns(`${number}`, `${cpu}`, vcpu ?? "", pc, nameOf(exit), `${calls.length}`, outcome(exit, after));
};

export const callLine = ({ record: sequence, name, args, result, isOpen }: HalCall): string => {
  const answer = isOpen ? " does not return" : result === undefined ? "" : ` = ${hex(result)}`;
  return `${String(sequence).padStart(WIDTHS.exit)}  ${name}(${hexArgs(args)})${answer}`;
};

export const registerLines = (registers: BigUint64Array): string[] => {
  const texts = [...registers].map((value, n) => `${registerName(n).padStart(4)} ${wide(value)}`);
  const count = Math.ceil(texts.length / REGISTERS_A_LINE);
  return Array.from({ length: count }, (_, n) => texts.slice(n * REGISTERS_A_LINE, (n + 1) * REGISTERS_A_LINE).join("  "));
};

/** Words of the core's memory that are not what they were, the first of them. */
export const memoryLines = (before: Buffer, after: Buffer): string[] => {
  if (before.equals(after)) return [];
  const [old, fresh] = [before, after].map((one) => new BigUint64Array(one.buffer, one.byteOffset, one.length / WORD));
  const lines: string[] = [];
  let count = 0;
  for (let n = 0; n < fresh!.length; n++) {
    if (old![n] === fresh![n]) continue;
    if (count++ < MAX_CHANGES)
      lines.push(`${hex(BigInt(n * WORD)).padStart(WIDTHS.exit)}  ${wide(old![n]!)} → ${wide(fresh![n]!)}`);
  }
  return count > MAX_CHANGES ? [...lines, `and ${count - MAX_CHANGES} more`] : lines;
};

const titled = (title: string, lines: readonly string[]): string[] => (lines.length === 0 ? [] : ["", title, ...lines]);

/** An exit with all that is known of it; `before` and `after`: the core's memory. */
export const detailLines = (exit: ShownExit, before: Buffer, after: Buffer): string[] => [
  listHead,
  exitLine(exit, registersIn(after, exit)),
  ...titled("registers at the exit", exit.registers === undefined ? [] : registerLines(exit.registers)),
  ...titled("calls of the HAL, by their records", exit.calls.map(callLine)),
  ...titled("the core's memory, changed meanwhile", memoryLines(before, after)),
];
