// System registers of one CPU, by name: plain storage, but for those that do or mean something. The HAL module `sysreg` follows from the same table
// as the core's declarations (abi/sysregs.ts).

import { camel } from "../abi/records.ts";
import { el1Context, type HalRegister, halRegisters, idRegisters } from "../abi/sysregs.ts";
import type { CpuInterface } from "./cpu-interface.ts";
import { type CpuModel, extensionControls, hasRegister } from "./cpu-model.ts";
import { type Door, refuse } from "./door.ts";
import { Violation } from "./faults.ts";
import type { Order } from "./order.ts";
import type { State } from "./state/state.ts";
import type { Timer } from "./timer.ts";
import type { VirtualInterface } from "./virtual-interrupts.ts";
import { hex, lowHalf, MASK_64 } from "./words.ts";

/** What EL1 registers and controls of EL2 hold when the loader gives the CPU away: UNKNOWN, so something that would be noticed. */
export const LEFT_BEHIND = 0xdead_beef_0bad_cafen;

/** Controls that the loader may have left anyhow. */
const unsetControls = ["MDSCR_EL1", "MDCR_EL2", "HSTR_EL2", "HACR_EL2", "CNTHCTL_EL2", "VPIDR_EL2"];

const pascal = (register: string): string => camel(register).replace(/^./, (first) => first.toUpperCase());

export interface Parts {
  readonly model: CpuModel;
  readonly mpidr: bigint;
  readonly timer: Timer;
  readonly interface: CpuInterface;
  readonly virtual: VirtualInterface;
  readonly order: Order;
}

type Reader = () => bigint;
type Writer = (value: bigint) => void;

/** A register by itself. */
export class Register {
  readonly name: string;
  value = 0n;
  readonly #read: Reader | undefined;
  readonly #write: Writer | undefined;
  readonly exists: boolean;

  constructor(name: string, exists: boolean, read: Reader | undefined, write: Writer | undefined) {
    this.name = name;
    this.exists = exists;
    this.#read = read;
    this.#write = write;
  }

  read(): bigint {
    return this.#read === undefined ? this.value : this.#read();
  }
  /** `value`: 64 bits. */
  write(value: bigint): void {
    if (!this.exists) throw new Violation(`${this.name} is UNDEFINED on this CPU`);
    if (this.#read === undefined) this.value = value;
    this.#write?.(value);
  }
}

export class SystemRegisters {
  readonly #registers = new Map<string, Register>();
  readonly #make: (name: string) => Register;

  constructor({ model, mpidr, timer, interface: own, virtual, order }: Parts) {
    const hypervisorLists = Array.from({ length: 16 }, (_, n) => n);
    const words = [0, 1, 2, 3];
    const readers: Readonly<Record<string, Reader>> = {
      MIDR_EL1: () => model.midr,
      MPIDR_EL1: () => mpidr,
      PMCR_EL0: () => model.pmcr,
      CNTPCT_EL0: () => timer.count,
      CNTFRQ_EL0: () => timer.frequency,
      CNTV_CTL_EL0: () => {
        if (timer.isVirtualLive) order.requireTimer();
        return timer.virtualControl;
      },
      CNTV_CVAL_EL0: () => timer.virtual.compare,
      ICC_IAR1_EL1: () => own.acknowledge(),
      ICH_HCR_EL2: () => virtual.hcr,
      ICH_VTR_EL2: () => virtual.vtr,
      ICH_MISR_EL2: () => virtual.misr,
      ICH_ELRSR_EL2: () => virtual.elrsr,
      ICH_VMCR_EL2: () => virtual.vmcr,
      ...Object.fromEntries(hypervisorLists.map((n) => [`ICH_LR${n}_EL2`, () => virtual.readList(n)])),
      ...Object.fromEntries(words.map((n) => [`ICH_AP0R${n}_EL2`, () => virtual.readActive(0, n)])),
      ...Object.fromEntries(words.map((n) => [`ICH_AP1R${n}_EL2`, () => virtual.readActive(1, n)])),
      ...Object.fromEntries(idRegisters.map(({ name }) => [name, () => model.id[name] ?? 0n])),
    };
    const writers: Readonly<Record<string, Writer>> = {
      CPTR_EL2: () => order.writeTraps(),
      VTTBR_EL2: () => order.changeEntry(),
      VMPIDR_EL2: () => order.changeEntry(),
      HCR_EL2: () => order.changeEntry(),
      CNTVOFF_EL2: (value) => {
        timer.offset = value;
        order.changeEntry();
      },
      CNTHP_CTL_EL2: (value) => {
        timer.hypervisor.control = lowHalf(value);
      },
      CNTHP_CVAL_EL2: (value) => {
        timer.hypervisor.compare = value;
      },
      CNTV_CTL_EL0: (value) => {
        timer.virtual.control = lowHalf(value) & 3;
      },
      CNTV_CVAL_EL0: (value) => {
        timer.virtual.compare = value;
      },
      ICC_SRE_EL2: (value) => own.writeSre(value),
      ICC_PMR_EL1: (value) => own.writePmr(value),
      ICC_CTLR_EL1: (value) => own.writeCtlr(value),
      ICC_IGRPEN1_EL1: (value) => own.writeIgrpen1(value),
      ICC_AP1R0_EL1: (value) => own.writeActive(value),
      ICC_EOIR1_EL1: (value) => own.end(value),
      ICC_DIR_EL1: (value) => own.deactivate(value),
      ICC_SGI1R_EL1: (value) => {
        order.requireStores();
        order.send();
        own.send(value);
      },
      ICH_HCR_EL2: (value) => {
        virtual.hcr = value;
      },
      ICH_VMCR_EL2: (value) => {
        virtual.vmcr = value;
      },
      ...Object.fromEntries(hypervisorLists.map((n) => [`ICH_LR${n}_EL2`, (value: bigint) => virtual.writeList(n, value)])),
      ...Object.fromEntries(words.map((n) => [`ICH_AP0R${n}_EL2`, (value: bigint) => virtual.writeActive(0, n, value)])),
      ...Object.fromEntries(words.map((n) => [`ICH_AP1R${n}_EL2`, (value: bigint) => virtual.writeActive(1, n, value)])),
    };
    this.#make = (name) => new Register(name, hasRegister(model, name), readers[name], writers[name]);
    const left = [...el1Context, ...unsetControls, ...Object.keys(extensionControls)];
    for (const name of left) this.at(name).value = LEFT_BEHIND;
  }

  at(name: string): Register {
    let found = this.#registers.get(name);
    if (found === undefined) {
      found = this.#make(name);
      this.#registers.set(name, found);
    }
    return found;
  }
  read(name: string): bigint {
    return this.at(name).read();
  }
  write(name: string, value: bigint): void {
    if (value < 0n || value > MASK_64) throw new Violation(`${name} = ${value}`);
    this.at(name).write(value);
  }
}

/** What of the board the functions below act on. */
interface Board {
  readonly cpus: readonly { readonly registers: SystemRegisters }[];
  readonly run: { readonly acting: { readonly index: number } };
  readonly door: Door;
  readonly state: State | undefined;
  count(): void;
}

/** The functions of the HAL module `sysreg`, for the CPU that acts. */
export const sysregHal = (board: Board): Record<string, (value: bigint) => bigint | undefined> => {
  const { run, door } = board;
  const names: HalRegister[] = idRegisters.map(({ name }) => ({ name, access: "r" }));
  const functions: Record<string, (value: bigint) => bigint | undefined> = {};
  for (const { name, access, check } of [...halRegisters, ...names]) {
    const registers = board.cpus.map((cpu) => cpu.registers.at(name));
    if (access !== "w")
      functions[`read${pascal(name)}`] = () => {
        board.count();
        const register = registers[run.acting.index]!;
        if (!register.exists) throw new Violation(`${name} is UNDEFINED on this CPU`);
        return register.read();
      };
    if (access !== "r") {
      const { state } = board;
      const place = state?.placeOf(name) ?? -1;
      functions[`write${pascal(name)}`] = (value) => {
        board.count();
        const { index } = run.acting;
        const word = BigInt.asUintN(64, value);
        if (check !== undefined && !door.checks[check](word, index)) refuse("SYSREG", `${name} = ${hex(word)}`);
        const register = registers[index]!;
        if (place >= 0) state!.beforeWrite(index, register, place);
        register.write(word);
        return undefined;
      };
    }
  }
  return functions;
};
