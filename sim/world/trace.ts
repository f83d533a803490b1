// A run as Chrome's trace format has it (https://ui.perfetto.dev opens it): a track for each CPU with its exits, one for each vCPU with when it was on
// which CPU. Time there is HAL calls, one a microsecond: what is counted says how long an exit takes, while the board's clock stands still in it.

import { writeFileSync } from "node:fs";
import type { Cpu } from "../cpu.ts";
import { exitName } from "../exit-names.ts";
import type { Core, Machine } from "../machine.ts";
import type { Call, Observer } from "../run.ts";
import { bits, hex } from "../words.ts";

interface Event {
  readonly name: string;
  readonly ph: "X" | "M";
  readonly pid: number;
  readonly tid: number;
  readonly ts: number;
  readonly dur?: number;
  readonly args: Readonly<Record<string, string | number>>;
}

const CPUS = 1;
const VCPUS = 2;
/** A vCPU's track: its VM's number in tens of hundreds. */
const trackOf = (vm: number, vcpu: number): number => 100 * (vm + 1) + vcpu;

/** What a call enters the core by. */
const entryOf = (call: Call): { entry: string; args: bigint[] } => {
  const found = { entry: "", args: [] as bigint[] };
  const told = new Proxy({} as Core, {
    get:
      (_, entry: string) =>
      (...args: (bigint | number)[]) => {
        found.entry = entry;
        found.args = args.map(BigInt);
        return 0;
      },
  });
  call(told);
  return found;
};

interface Open {
  readonly name: string;
  readonly ts: number;
  readonly args: Record<string, string | number>;
}

export class Trace implements Observer {
  readonly #machine: Machine;
  readonly #isKept: boolean;
  readonly #events: Event[] = [];
  #last = "none";
  readonly #exits = new Map<Cpu, Open>();
  /** On each CPU, the vCPU that runs, and since when. */
  readonly #runs = new Map<Cpu, { readonly vm: number; readonly vcpu: number; readonly ts: number }>();

  /** `isKept`: for a file; else it knows the last exit alone. */
  constructor(machine: Machine, isKept: boolean) {
    this.#machine = machine;
    this.#isKept = isKept;
    machine.run.observer = this;
    for (const [pid, name] of [
      [CPUS, "CPUs"],
      [VCPUS, "vCPUs"],
    ] as const)
      this.#name("process_name", pid, 0, name);
    for (const { index } of machine.cpus) this.#name("thread_name", CPUS, index, `CPU ${index}`);
  }

  #keep(event: Event): void {
    if (this.#isKept) this.#events.push(event);
  }
  #name(what: string, pid: number, tid: number, name: string): void {
    this.#keep({ name: what, ph: "M", pid, tid, ts: 0, args: { name } });
  }

  get #now(): number {
    return this.#machine.calls + this.#machine.run.exits;
  }

  #who(cpu: Cpu): { vm: number; vcpu: number } {
    return { vm: cpu.stage2.vmid - 1, vcpu: bits(cpu.registers.read("VMPIDR_EL2"), 7, 0) };
  }

  begin(cpu: Cpu, call: Call): void {
    const { entry, args } = entryOf(call);
    const { guest } = cpu;
    const [far, hpfar] = [cpu.far.value, cpu.hpfar.value];
    const ipa = ((hpfar >> 4n) << 12n) | (far & 0xfffn);
    const name = exitName({ entry, args, register: (n) => guest?.x(n) ?? 0n, ipa });
    const where = guest === undefined ? {} : { ...this.#who(cpu), pc: hex(guest.pc) };
    this.#exits.set(cpu, {
      name,
      ts: this.#now,
      args: { exit: this.#machine.run.exits, ...where, count: Number(this.#machine.counter.count) },
    });
    const run = this.#runs.get(cpu);
    if (run === undefined) return;
    this.#runs.delete(cpu);
    const track = trackOf(run.vm, run.vcpu);
    this.#keep({ name: `on CPU ${cpu.index}`, ph: "X", pid: VCPUS, tid: track, ts: run.ts, dur: this.#now - run.ts, args: {} });
  }

  end(cpu: Cpu): void {
    const open = this.#exits.get(cpu);
    if (open === undefined) return;
    this.#exits.delete(cpu);
    const next = cpu.vcpu === 0 ? { next: "idle" } : { next: `vm${this.#who(cpu).vm} vcpu${this.#who(cpu).vcpu}` };
    const dur = this.#now - open.ts;
    this.#last = `CPU ${cpu.index}: ${open.name}`;
    this.#keep({ name: open.name, ph: "X", pid: CPUS, tid: cpu.index, ts: open.ts, dur, args: { ...open.args, ...next } });
    if (cpu.vcpu !== 0) this.#runs.set(cpu, { ...this.#who(cpu), ts: this.#now });
  }

  /** The exit that was begun last and is not over, or the one that was over last. */
  get last(): string {
    const open = [...this.#exits.entries()].at(-1);
    return open === undefined ? this.#last : `CPU ${open[0].index}: ${open[1].name}`;
  }

  write(file: string): void {
    const tracks = new Set(this.#events.filter(({ pid }) => pid === VCPUS).map(({ tid }) => tid));
    for (const tid of tracks)
      if (tid !== 0) this.#name("thread_name", VCPUS, tid, `vm${Math.floor(tid / 100) - 1} vcpu${tid % 100}`);
    // What a crash cut short is worth the most.
    for (const [cpu, { name, ts, args }] of this.#exits)
      this.#events.push({ name: `${name} (not over)`, ph: "X", pid: CPUS, tid: cpu.index, ts, dur: this.#now - ts, args });
    writeFileSync(file, JSON.stringify({ traceEvents: this.#events, displayTimeUnit: "ns" }));
  }
}
