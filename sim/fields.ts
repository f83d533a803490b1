// What lies at an address of the core's memory, for reports: the field of a VM's, a vCPU's or a CPU's record, by the classes of src/.

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { offsets, records } from "../abi/records.ts";
import { ROOT } from "../tool/paths.ts";
import { hex } from "./words.ts";

/** Bytes of a type; what is not here is a reference, or a number of an enum. */
const SIZES: Readonly<Record<string, number>> = { u8: 1, bool: 1, u16: 2, u64: 8, i64: 8 };
const REFERENCE = 4;

interface Layout {
  readonly fields: ReadonlyMap<string, number>;
  readonly size: number;
}

const CLASS = /^(?:export )?class (\w+)(?: extends (\w+))? \{\n([\s\S]*?)^\}/gm;
const FIELD = /^ {2}(\w+): (\w+);/gm;

/** The classes of some files, each behind its base class: natural alignment, in order. */
const layoutsOf = (files: readonly string[]): ReadonlyMap<string, Layout> => {
  const frame = offsets(records.VcpuFrame!);
  const layouts = new Map<string, Layout>([["VcpuFrame", { fields: new Map(Object.entries(frame.fields)), size: frame.size }]]);
  for (const file of files) {
    for (const [, name, base, body] of readFileSync(join(ROOT, file), "utf8").matchAll(CLASS)) {
      const { fields: inherited, size } = layouts.get(base ?? "") ?? { fields: [], size: 0 };
      const fields = new Map(inherited);
      let at = size;
      for (const [, field, type] of body!.matchAll(FIELD)) {
        const bytes = SIZES[type!] ?? REFERENCE;
        at = Math.ceil(at / bytes) * bytes;
        fields.set(field!, at);
        at += bytes;
      }
      layouts.set(name!, { fields, size: at });
    }
  }
  return layouts;
};

let layouts: ReadonlyMap<string, Layout> | undefined;
const layoutOf = (name: string): Layout => {
  layouts ??= layoutsOf(["src/mmu/stage2.ts", "src/vm/records.ts", "src/vm/virtio-records.ts"]);
  return layouts.get(name)!;
};

/** Where a field lies in a record. */
export const fieldOffset = (type: string, field: string): number => {
  const found = layoutOf(type).fields.get(field);
  if (found === undefined) throw new Error(`${type} has no field ${field}`);
  return found;
};

/** Bytes of a record. */
export const sizeOf = (type: string): number => layoutOf(type).size;

/** Records lie this far apart at least (src/vm/table.ts). */
const LINE = 64;
/** 32 interrupts of a VM, and how many SPIs it has at most. */
const SPI_WORDS = 8;

export class Fields {
  readonly #memory: () => DataView;
  readonly #vcpus: () => Iterable<number>;

  /** `vcpus`: records of vCPUs that have run. */
  constructor(memory: () => DataView, vcpus: () => Iterable<number>) {
    this.#memory = memory;
    this.#vcpus = vcpus;
  }

  #word(record: number, type: string, field: string): number {
    return this.#memory().getUint32(record + fieldOffset(type, field), true);
  }

  /** The field of a record that an address lies in; undefined: not in it. */
  #in(record: number, type: string, at: number): string | undefined {
    const { fields, size } = layoutOf(type);
    if (at < record || at >= record + size) return undefined;
    const [name] = [...fields].findLast(([, offset]) => offset <= at - record)!;
    return `${type}.${name}`;
  }

  #ofVm(vm: number, at: number): string | undefined {
    const stride = Math.ceil(layoutOf("Vcpu").size / LINE) * LINE;
    const [first, count] = [this.#word(vm, "Vm", "firstVcpu"), this.#word(vm, "Vm", "vcpus")];
    const parts: (string | undefined)[] = [this.#in(vm, "Vm", at)];
    for (const [field, type] of [
      ["uart", "Uart"],
      ["rtc", "Rtc"],
      ["stage2", "Stage2"],
    ] as const)
      parts.push(this.#in(this.#word(vm, "Vm", field), type, at));
    for (let n = 0; n < SPI_WORDS; n++)
      parts.push(this.#in(this.#word(vm, "Vm", "spis") + n * layoutOf("IrqWord").size, "IrqWord", at));
    for (let n = 0; n < count; n++) {
      const vcpu = first + n * stride;
      const own = this.#in(vcpu, "Vcpu", at) ?? this.#in(this.#word(vcpu, "Vcpu", "irqs"), "IrqWord", at);
      parts.push(own && `${own} of vCPU ${n}`);
    }
    const found = parts.find((part) => part !== undefined);
    return found && `${found} of VM ${this.#word(vm, "Vm", "id")}`;
  }

  describe(at: number): string {
    const vms = new Set(Array.from(this.#vcpus(), (vcpu) => this.#word(vcpu, "Vcpu", "vm")));
    for (const vm of vms) {
      const found = this.#ofVm(vm, at);
      if (found !== undefined) return `${found} (${hex(at)})`;
    }
    return `the word at ${hex(at)}`;
  }
}
