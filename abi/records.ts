// Records that assembly and core share. The generator lays the fields out in order, each at its natural alignment, and writes an
// AssemblyScript class, assembler offsets and the offsets that the simulator uses.

import { el1Context } from "./sysregs.ts";

export type FieldType = "u8" | "u16" | "u32" | "u64";

export interface Field {
  name: string;
  type: FieldType;
  /** How many in a row; in the class they are name0, name1, … */
  count?: number;
  doc?: string;
}

export interface RecordLayout {
  doc: string;
  fields: Field[];
}

/** The name of a system register as a field: SP_EL0 → spEl0. */
export const camel = (register: string): string => {
  const words = register.toLowerCase().split("_");
  return words.map((word, n) => (n === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1))).join("");
};

export const records: Record<string, RecordLayout> = {
  VcpuFrame: {
    doc: "What a vCPU has in the CPU's registers while it runs. Vcpu (src/vm/vcpu.ts) continues it.",
    fields: [
      { name: "x", type: "u64", count: 31, doc: "general registers: written by every exit" },
      { name: "elr", type: "u64", doc: "where it goes on (ELR_EL2)" },
      { name: "spsr", type: "u64", doc: "its PSTATE (SPSR_EL2)" },
      { name: "reserved", type: "u64", doc: "keeps what follows at 16 bytes" },
      { name: "v", type: "u64", count: 64, doc: "vector registers, two words each: written when another vCPU takes the CPU" },
      { name: "fpcr", type: "u64" },
      { name: "fpsr", type: "u64" },
      ...el1Context.map((name): Field => ({ name: camel(name), type: "u64" })),
    ],
  },
};

const sizes: Record<FieldType, number> = { u8: 1, u16: 2, u32: 4, u64: 8 };

/** Offsets of a record's fields, in bytes, and its size: natural alignment, in order. */
export function offsets(record: RecordLayout): { fields: Record<string, number>; size: number } {
  const fields: Record<string, number> = {};
  let at = 0;
  for (const { name, type, count = 1 } of record.fields) {
    const size = sizes[type];
    at = Math.ceil(at / size) * size;
    fields[name] = at;
    at += size * count;
  }
  return { fields, size: at };
}
