// What a replay shows of an exit: whose it was, what it was, what came of it.

import { type ExitFacts, exitName } from "../../sim/exit-names.ts";
import type { Exit, HalCall, Observer } from "./replay.ts";

/** An exit from its entry into the core to where that leads. */
export interface ShownExit extends Exit {
  /** The vCPU that was left, as `vm0.1`. */
  readonly vcpu: string | undefined;
  readonly calls: readonly HalCall[];
  /** The vCPU that is entered now; undefined if none is, or the CPU did not come back from the exit. */
  readonly next: string | undefined;
  readonly isOver: boolean;
}

const HPFAR_MASK = 0xf_ffff_fff0n;
const PAGE_OFFSET = 0xfffn;

const resultOf = (calls: readonly HalCall[], name: string): bigint | undefined => calls.find((one) => one.name === name)?.result;

const ipaOf = (calls: readonly HalCall[]): bigint | undefined => {
  const hpfar = resultOf(calls, "sysreg.readHpfarEl2");
  const far = resultOf(calls, "sysreg.readFarEl2");
  return hpfar === undefined || far === undefined ? undefined : ((hpfar & HPFAR_MASK) << 8n) | (far & PAGE_OFFSET);
};

/** An exit in words. */
export const nameOf = ({ entry, args, registers, calls }: Exit & { readonly calls: readonly HalCall[] }): string => {
  const intids = calls.flatMap(({ name, result }) => (name === "sysreg.readIccIar1El1" && result !== undefined ? [result] : []));
  const register: ExitFacts["register"] = (number) => registers?.[number] ?? 0n;
  return exitName({ entry, args, register, ipa: ipaOf(calls), intids });
};

/** What a CPU says of whom it runs. */
interface Identity {
  vmid: bigint;
  mpidr: bigint;
}

/** Puts exits together from what a replay tells, and hands each out when it is over. */
export class Exits implements Required<Observer> {
  readonly #take: (exit: ShownExit) => void;
  readonly #began: (exit: Exit) => void;
  readonly #called: (exit: Exit, call: HalCall) => void;
  readonly #current = new Map<number, { exit: Exit; calls: HalCall[] }>();
  readonly #identities = new Map<number, Identity>();
  readonly #names = new Map<number, string>();

  constructor(
    take: (exit: ShownExit) => void,
    began: (exit: Exit) => void = () => undefined,
    called: (exit: Exit, call: HalCall) => void = () => undefined,
  ) {
    this.#take = take;
    this.#began = began;
    this.#called = called;
  }

  enter(exit: Exit): void {
    // One that a CPU had an exception of its own in.
    if (this.#current.has(exit.cpu)) this.#close(exit.cpu, undefined);
    this.#current.set(exit.cpu, { exit, calls: [] });
    this.#began(exit);
  }

  call(exit: Exit, call: HalCall): void {
    this.#current.get(exit.cpu)!.calls.push(call);
    const identity = this.#identities.get(exit.cpu) ?? { vmid: 0n, mpidr: 0n };
    if (call.name === "sysreg.writeVttbrEl2") identity.vmid = call.args[0]! >> 48n;
    if (call.name === "sysreg.writeVmpidrEl2") identity.mpidr = call.args[0]!;
    this.#identities.set(exit.cpu, identity);
    this.#called(exit, call);
  }

  leave({ cpu }: Exit, vcpu: number): void {
    const identity = this.#identities.get(cpu);
    if (vcpu !== 0 && identity !== undefined && identity.vmid > 0n)
      this.#names.set(vcpu, `vm${identity.vmid - 1n}.${identity.mpidr & 0xffn}`);
    this.#close(cpu, vcpu);
  }

  /** Hands out the exits that CPUs did not come back from. */
  end(): void {
    for (const cpu of [...this.#current.keys()]) this.#close(cpu, undefined);
  }

  #close(cpu: number, next: number | undefined): void {
    const { exit, calls } = this.#current.get(cpu)!;
    this.#current.delete(cpu);
    const left = exit.registers === undefined ? undefined : this.#nameOf(Number(exit.args[0]));
    const entered = next === undefined || next === 0 ? undefined : this.#nameOf(next);
    this.#take({ ...exit, vcpu: left, calls, next: entered, isOver: next !== undefined });
  }

  /** A ring that has wrapped may not say whose a record is: its address does. */
  #nameOf(vcpu: number): string {
    return this.#names.get(vcpu) ?? `0x${vcpu.toString(16)}`;
  }
}
