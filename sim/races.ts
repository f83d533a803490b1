// Accesses of the core's memory by several CPUs that nothing orders: a bug wherever one of two writes and one of two is no atomic. Every access has a
// time on its CPU's clock; each CPU knows up to which time of each other one everything has happened before it (vector clocks, as in FastTrack, PLDI
// 2009). It learns that alone by an atomic load of what the other has stored with release (Arm ARM B2.3.10), and at its start. Locks are made of atomics.
//
// The core tells of its accesses itself (instrument.ts); what vectors.S and the HAL move between a vCPU's record and its CPU is told by the simulator.

import { offsets, records } from "../abi/records.ts";
import { Violation } from "./faults.ts";

/** Accesses are numbered in the order of functions: the first number of each function that has any, and its name. */
export type Sites = readonly (readonly [first: number, name: string])[];

/** The section of a core's module that has them. */
export const SITES = "accesses";

/** Where an instrumented core accesses its memory; undefined: it does not tell. */
export const accessesOf = (module: WebAssembly.Module): Sites | undefined => {
  const [found] = WebAssembly.Module.customSections(module, SITES);
  return found && (JSON.parse(new TextDecoder().decode(found)) as Sites);
};

/** A time and its CPU in one number. */
const CPU_BITS = 3;
const CPUS = 1 << CPU_BITS;
const CPU_MASK = CPUS - 1;
/** In place of a time: several CPUs have read. */
const SEVERAL = -1;

/** Sites that are no instruction of the core. */
const ENTRY = -2;
const EXIT = -3;
export const CONTEXT = -4;
const FILL = -5;
const OTHERS: Readonly<Record<number, string>> = {
  [ENTRY]: "entering a guest",
  [EXIT]: "an exit",
  [CONTEXT]: "the HAL's context",
  [FILL]: "memory.fill",
};

/** Bytes of a vCPU's record that every exit saves: x0 to SPSR. */
const SAVED = (offsets(records.VcpuFrame!).fields.spsr ?? 0) + 8;

type Clocks = Int32Array;

/** What is known of a word that was accessed by an atomic. */
interface AtomicWord {
  /** What happened before its last store, or before those in a row of changes. */
  released: Clocks;
  /** When each CPU has last loaded and stored it. */
  readonly loads: Clocks;
  readonly stores: Clocks;
}

const join = (into: Clocks, other: Clocks): void => {
  for (let n = 0; n < CPUS; n++) if (other[n]! > into[n]!) into[n] = other[n]!;
};

export class Races {
  readonly #sites: Sites;
  readonly #describe: (at: number) => string;
  /** What each CPU knows of all; of itself, its own time. */
  readonly #clocks: readonly Clocks[] = Array.from({ length: CPUS }, (_, n) => new Int32Array(CPUS).fill(0).fill(1, n, n + 1));
  // of each byte, its last write and read but by atomics, and where in the core they were
  readonly #writes: Int32Array;
  readonly #writeSites: Int16Array;
  readonly #reads: Int32Array;
  readonly #readSites: Int16Array;
  /** The last read of each CPU, where several have read since the last write. */
  readonly #readers = new Map<number, Clocks>();
  readonly #atomics = new Map<number, AtomicWord>();
  /** Words of `#atomics`. */
  readonly #isAtomic: Uint8Array;
  /** Stores of each CPU whose value is not there yet: site, bytes, address. */
  readonly #prepared: number[][] = Array.from({ length: CPUS }, () => []);
  /** What each CPU knows that is about to start. */
  readonly #starting: Clocks[] = Array.from({ length: CPUS }, () => new Int32Array(CPUS));

  /** `bytes` of memory; `describe`: what lies at an address. */
  constructor(bytes: number, sites: Sites, describe: (at: number) => string) {
    this.#sites = sites;
    this.#describe = describe;
    this.#writes = new Int32Array(bytes);
    this.#writeSites = new Int16Array(bytes);
    this.#reads = new Int32Array(bytes);
    this.#readSites = new Int16Array(bytes);
    this.#isAtomic = new Uint8Array(bytes >>> 2);
  }

  /** What the core calls, for the CPU that acts then. */
  imports(acting: () => number): WebAssembly.Imports[string] {
    return {
      read: (site: number, bytes: number, at: number) => this.read(acting(), site, bytes, at >>> 0),
      prepare: (site: number, bytes: number, at: number) => this.#prepared[acting()]!.push(site, bytes, at >>> 0),
      write: () => this.#done(acting()),
      fill: (at: number, bytes: number) => this.write(acting(), FILL, bytes >>> 0, at >>> 0),
    };
  }

  // --- accesses but by atomics

  read(cpu: number, site: number, bytes: number, at: number): void {
    const clocks = this.#clocks[cpu]!;
    const now = (clocks[cpu]! << CPU_BITS) | cpu;
    for (let n = at; n < at + bytes; n++) {
      const last = this.#reads[n]!;
      if (last === now) continue;
      this.#requireBefore(cpu, clocks, this.#writes[n]!, n, "reads", site, "has written", this.#writeSites[n]!);
      if (last === SEVERAL) this.#readers.get(n)![cpu] = clocks[cpu]!;
      else if (last === 0 || (last & CPU_MASK) === cpu || last >>> CPU_BITS <= clocks[last & CPU_MASK]!) this.#reads[n] = now;
      else {
        const readers = new Int32Array(CPUS);
        readers[last & CPU_MASK] = last >>> CPU_BITS;
        readers[cpu] = clocks[cpu]!;
        this.#readers.set(n, readers);
        this.#reads[n] = SEVERAL;
      }
      this.#readSites[n] = site;
      if (this.#isAtomic[n >>> 2] === 1)
        this.#requireAll(cpu, this.#atomics.get(n & ~3)!.stores, n, "reads", site, "has stored by an atomic");
    }
  }

  write(cpu: number, site: number, bytes: number, at: number): void {
    const clocks = this.#clocks[cpu]!;
    const now = (clocks[cpu]! << CPU_BITS) | cpu;
    for (let n = at; n < at + bytes; n++) {
      const last = this.#reads[n]!;
      if (this.#writes[n] === now && last === 0) continue;
      this.#requireBefore(cpu, clocks, this.#writes[n]!, n, "writes", site, "has written", this.#writeSites[n]!);
      this.#requireRead(cpu, clocks, n, "writes", site);
      if (this.#isAtomic[n >>> 2] === 1) {
        const { loads, stores } = this.#atomics.get(n & ~3)!;
        this.#requireAll(cpu, stores, n, "writes", site, "has stored by an atomic");
        this.#requireAll(cpu, loads, n, "writes", site, "has loaded by an atomic");
      }
      this.#writes[n] = now;
      this.#writeSites[n] = site;
      this.#reads[n] = 0;
    }
  }

  /** The store that was prepared last has its value. */
  #done(cpu: number): void {
    const prepared = this.#prepared[cpu]!;
    const [at, bytes, site] = [prepared.pop()!, prepared.pop()!, prepared.pop()!];
    this.write(cpu, site, bytes, at);
  }

  // --- atomics

  #atomic(at: number): AtomicWord {
    let found = this.#atomics.get(at);
    if (found === undefined) {
      found = { released: new Int32Array(CPUS), loads: new Int32Array(CPUS), stores: new Int32Array(CPUS) };
      this.#atomics.set(at, found);
      this.#isAtomic[at >>> 2] = 1;
    }
    return found;
  }

  #requireWritten(cpu: number, at: number, what: string): void {
    const clocks = this.#clocks[cpu]!;
    for (let n = at; n < at + 4; n++)
      this.#requireBefore(cpu, clocks, this.#writes[n]!, n, what, undefined, "has written", this.#writeSites[n]!);
  }
  #requireNotRead(cpu: number, at: number, what: string): void {
    for (let n = at; n < at + 4; n++) this.#requireRead(cpu, this.#clocks[cpu]!, n, what, undefined);
  }

  load(cpu: number, at: number): void {
    const word = this.#atomic(at);
    const clocks = this.#clocks[cpu]!;
    join(clocks, word.released);
    this.#requireWritten(cpu, at, "loads by an atomic");
    word.loads[cpu] = clocks[cpu]!;
  }

  /** Everything so far has happened before whatever loads this. */
  store(cpu: number, at: number): void {
    this.#requireWritten(cpu, at, "stores by an atomic");
    this.#requireNotRead(cpu, at, "stores by an atomic");
    const word = this.#atomic(at);
    const clocks = this.#clocks[cpu]!;
    word.stores[cpu] = clocks[cpu]!;
    word.released.set(clocks);
    clocks[cpu]!++;
  }

  /** A load and a store in one. */
  change(cpu: number, at: number): void {
    this.load(cpu, at);
    this.store(cpu, at);
  }

  // --- CPUs

  /** A CPU has the firmware start another one. */
  start(cpu: number, other: number): void {
    const clocks = this.#clocks[cpu]!;
    join(this.#starting[other]!, clocks);
    clocks[cpu]!++;
  }

  /** A CPU comes into the core; `vcpu`: the record of the vCPU that ran there, 0 for none, into which vectors.S saves its registers. */
  begin(cpu: number, vcpu: number): void {
    this.#prepared[cpu]!.length = 0;
    join(this.#clocks[cpu]!, this.#starting[cpu]!);
    if (vcpu !== 0) this.write(cpu, EXIT, SAVED, vcpu);
  }
  /** It leaves it, and enters a vCPU, whose registers vectors.S loads; 0: none. */
  end(cpu: number, vcpu: number): void {
    if (vcpu !== 0) this.read(cpu, ENTRY, SAVED, vcpu);
  }

  // --- what is refused

  #requireRead(cpu: number, clocks: Clocks, at: number, what: string, site: number | undefined): void {
    const last = this.#reads[at]!;
    if (last === SEVERAL) this.#requireAll(cpu, this.#readers.get(at)!, at, what, site, "has read", this.#readSites[at]);
    else this.#requireBefore(cpu, clocks, last, at, what, site, "has read", this.#readSites[at]!);
  }

  #requireAll(
    cpu: number,
    times: Clocks,
    at: number,
    what: string,
    site: number | undefined,
    before: string,
    where?: number,
  ): void {
    const clocks = this.#clocks[cpu]!;
    for (let other = 0; other < CPUS; other++)
      if (times[other]! > clocks[other]! && other !== cpu) this.#report(cpu, at, what, site, other, before, where);
  }

  #requireBefore(
    cpu: number,
    clocks: Clocks,
    last: number,
    at: number,
    what: string,
    site: number | undefined,
    before: string,
    where: number,
  ): void {
    const other = last & CPU_MASK;
    if (last >>> CPU_BITS > clocks[other]! && other !== cpu) this.#report(cpu, at, what, site, other, before, where);
  }

  #report(cpu: number, at: number, what: string, site: number | undefined, other: number, before: string, where?: number): never {
    const here = functionOf(new Error().stack ?? "") ?? (site === undefined ? "the HAL" : this.siteName(site));
    const there = where === undefined ? "" : ` in ${this.siteName(where)}`;
    throw new Violation(
      `race on ${this.#describe(at)}: CPU ${cpu} ${what} in ${here} what CPU ${other} ${before}${there}, and nothing orders them`,
    );
  }

  /** The function of the core that access number `site` is in. */
  siteName(site: number): string {
    return OTHERS[site] ?? this.#sites.findLast(([first]) => first <= site)?.[1] ?? `access ${site}`;
  }
}

/** The function of the core that a stack leads to first; of a core that is not optimised, not the accessor of a field. */
const functionOf = (stack: string): string | undefined => {
  const functions = [...stack.matchAll(/at (src\/\S+) \(wasm:/g)].map(([, name]) => name!);
  return functions.find((name) => !/#[gs]et:/.test(name));
};
