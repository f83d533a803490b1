// The imports of core.wasm: every function that src/hal/ declares, for the simulated machine. A 32-bit parameter arrives signed.

import { layout } from "../abi/layout.ts";
import { EL1_BYTES, EL1_OFFSET, FP_BYTES, FP_OFFSET } from "./context.ts";
import { refuse } from "./door.ts";
import { Halted, Violation } from "./faults.ts";
import type { Machine } from "./machine.ts";
import { CONTEXT } from "./races.ts";
import { ownerOf } from "./state/token.ts";
import { sysregHal } from "./sysregs.ts";
import { hex, lowHalf, numberOf, wordOf } from "./words.ts";

type HalFunction = (...args: never[]) => unknown;
type Module = Record<string, HalFunction>;
export type Hal = Record<string, Module>;

/** Functions that count themselves against the machine's limit. Those that are called at nearly every exit do so themselves, which costs less. */
const counted = (machine: Machine, functions: Module): Module =>
  Object.fromEntries(
    Object.entries(functions).map(([name, call]) => [
      name,
      // Not rest parameters, which cost several times as much; no function of the HAL has more.
      (a: never, b: never, c: never, d: never) => {
        machine.count();
        return call(a, b, c, d);
      },
    ]),
  );

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const MAX_COPY = 2 ** 40;

const size = (bytes: bigint): number => {
  const value = numberOf(bytes);
  if (value > MAX_COPY) throw new Violation(`a range of ${hex(value)} bytes`);
  return value;
};

const phys = (machine: Machine): Module => {
  const { door, ram, isolation } = machine;
  const reader =
    (bytes: 1 | 2 | 4) =>
    (pa: bigint): number => {
      machine.count();
      const at = door.phys(numberOf(pa), bytes);
      isolation.read(at, bytes);
      return ram.readSmall(at, bytes);
    };
  const writer =
    (bytes: number) =>
    (pa: bigint, value: number | bigint): void => {
      machine.count();
      const at = door.phys(numberOf(pa), bytes);
      const isSoiled = isolation.write(at, bytes);
      const owner = bytes === 8 ? ownerOf(u64(BigInt(value))) : undefined;
      if (owner !== undefined) throw new Violation(`EL2 writes a value of VMID ${owner} to ${hex(at)}`);
      ram.write(at, bytes, BigInt.asUintN(8 * bytes, BigInt(value)));
      if (isSoiled) ram.soil(at, bytes);
    };
  const requireEven = (pa: bigint): bigint =>
    pa % 2n === 0n ? pa : refuse("PHYS", `an index at the odd address ${hex(Number(pa))}`);
  const [loadIndex, storeIndex] = [reader(2), writer(2)];
  return {
    ...counted(machine, {
      addBank: (pa: bigint, bytes: bigint) => door.addBank(u64(pa), u64(bytes)),
      restrict: (low: bigint, high: bigint) => door.restrict(u64(low), u64(high)),
    }),
    read8: reader(1),
    read32: reader(4),
    read64: (pa: bigint) => {
      machine.count();
      const at = door.phys(numberOf(pa), 8);
      isolation.read(at, 8);
      return ram.read(at, 8);
    },
    write8: writer(1),
    write32: writer(4),
    write64: writer(8),
    load16: (pa: bigint) => loadIndex(requireEven(pa)),
    store16: (pa: bigint, value: number) => storeIndex(requireEven(pa), value),
    copy: (to: bigint, from: bigint, bytes: bigint) => {
      machine.count();
      const length = size(bytes);
      const [target, source] = [door.phys(numberOf(to), length), door.phys(numberOf(from), length)];
      if (target < source + length && source < target + length && length > 0)
        throw new Violation("phys.copy of ranges that overlap");
      isolation.read(source, length);
      const isSoiled = isolation.write(target, length);
      ram.writeBytes(target, ram.readBytes(source, length));
      if (isSoiled) ram.soil(target, length);
    },
    sum: (pa: bigint, bytes: bigint) => {
      machine.count();
      const length = size(bytes);
      const at = door.phys(numberOf(pa), length);
      isolation.read(at, length);
      const padded = Buffer.alloc((length + 7) & ~7);
      padded.set(ram.readBytes(at, length));
      let sum = 0n;
      for (let n = 0; n < padded.length; n += 8) sum += padded.readBigUInt64LE(n);
      while (sum >> 64n !== 0n) sum = u64(sum) + (sum >> 64n);
      return sum;
    },
    zero: (pa: bigint, bytes: bigint) => {
      machine.count();
      const length = size(bytes);
      const at = door.phys(numberOf(pa), length);
      if (at % 4096 !== 0 || length % 4096 !== 0) refuse("PHYS", "a range to zero that is not aligned");
      isolation.write(at, length);
      ram.zero(at, length);
      ram.soil(at, length);
    },
  };
};

const mmio = (machine: Machine): Module => ({
  read32: (pa: bigint) => {
    machine.count();
    return lowHalf(machine.readDevice(numberOf(pa), 4));
  },
  write32: (pa: bigint, value: number) => {
    machine.count();
    machine.writeDevice(numberOf(pa), 4, wordOf(value >>> 0));
  },
  ...counted(machine, {
    read64: (pa: bigint) => machine.readDevice(numberOf(pa), 8),
    write8: (pa: bigint, value: number) => machine.writeDevice(numberOf(pa), 1, BigInt(value & 0xff)),
    write64: (pa: bigint, value: bigint) => machine.writeDevice(numberOf(pa), 8, u64(value)),
  }),
});

const table = ({ door }: Machine): Module => ({
  setPool: (base: bigint, pages: number) => door.setPool(u64(base), pages >>> 0),
  format: (at: bigint, level: number) => door.format(u64(at), level >>> 0),
  read: (at: bigint, index: number) => door.readEntry(u64(at), index >>> 0),
  used: (at: bigint) => door.usedEntries(u64(at)),
  writeTable: (at: bigint, index: number, next: bigint) => door.writeTable(u64(at), index >>> 0, u64(next)),
  writeLeaf: (at: bigint, index: number, descriptor: bigint) => door.writeLeaf(u64(at), index >>> 0, u64(descriptor)),
  clear: (at: bigint, index: number) => door.clearEntry(u64(at), index >>> 0),
  release: (at: bigint) => door.release(u64(at)),
});

/** Words of the core's memory, each an access of its own here: one CPU acts at a time. */
const atomic = (machine: Machine): Module => {
  const address = (at: number): number => {
    const found = at >>> 0;
    if (found % 4 !== 0) throw new Violation(`an atomic access of 4 bytes at ${hex(found)}`);
    if (found < layout.WINDOW_BASE) throw new Violation(`an atomic access at ${hex(found)}, which is null's page`);
    return found;
  };
  const change =
    (fresh: (old: number, value: number) => number) =>
    (at: number, value: number): number => {
      machine.count();
      const found = address(at);
      machine.order.store();
      machine.races?.change(machine.run.acting.index, found);
      const old = machine.view.getUint32(found, true);
      machine.view.setUint32(found, fresh(old, value), true);
      return old;
    };
  const { locks, order, races, run } = machine;
  const add = change((old, value) => old + value);
  return {
    load32: (at: number) => {
      machine.count();
      const found = address(at);
      const value = machine.view.getUint32(found, true);
      locks.look(run.acting.index, found, value);
      races?.load(run.acting.index, found);
      return value;
    },
    store32: (at: number, value: number) => {
      machine.count();
      const found = address(at);
      order.store();
      locks.write(run.acting.index, found, value >>> 0);
      races?.store(run.acting.index, found);
      machine.view.setUint32(found, value, true);
    },
    // of tickets alone
    add32: (at: number, value: number) => {
      const ticket = add(at, value);
      locks.draw(run.acting.index, at >>> 0, ticket);
      return ticket;
    },
    or32: change((old, value) => old | value),
    swap32: change((_, value) => value),
  };
};

const cpu = (machine: Machine): Module => ({
  number: () => {
    machine.count();
    return machine.run.acting.number;
  },
  ...counted(machine, power(machine)),
});

const power = ({ cpus, door, firmware, locks, order, races, run }: Machine): Module => ({
  start: (mpidr: bigint, number: number) => {
    if (number < 1 || number >= layout.MAX_CPUS) refuse("CPU", `a CPU is started as number ${number}`);
    const other = cpus.find(({ affinity }) => affinity === u64(mpidr));
    if (other !== undefined) races?.start(run.acting.index, other.index);
    return firmware.start(u64(mpidr), number);
  },
  relax: () => {
    order.requireSent();
    locks.relax(run.acting.index);
    run.relax();
  },
  smc: (id: bigint, a: bigint, b: bigint, c: bigint) => {
    door.requireFirmwareCall(u64(id));
    return firmware.call(u64(id), u64(a), u64(b), u64(c));
  },
  halt: () => {
    throw new Halted();
  },
});

const context = ({ races, run, order }: Machine): Module => {
  type Access = "read" | "write";
  const el1 = (access: Access, record: number): void =>
    races?.[access](run.acting.index, CONTEXT, EL1_BYTES, (record >>> 0) + EL1_OFFSET);
  const fp = (access: Access, record: number): void =>
    races?.[access](run.acting.index, CONTEXT, FP_BYTES, (record >>> 0) + FP_OFFSET);
  const requireFp = (): void => {
    order.requireTraps();
    run.acting.requireOpenFp();
  };
  return {
    loadEl1: (record: number) => {
      el1("read", record);
      run.acting.context.loadEl1(record >>> 0);
    },
    saveEl1: (record: number) => {
      el1("write", record);
      run.acting.context.saveEl1(record >>> 0);
    },
    loadFp: (record: number) => {
      requireFp();
      fp("read", record);
      run.acting.context.loadFp(record >>> 0);
    },
    saveFp: (record: number) => {
      requireFp();
      fp("write", record);
      run.acting.context.saveFp(record >>> 0);
    },
  };
};

/** The imports of the core. */
export const makeHal = (machine: Machine): Hal => {
  const { door, order, ram, run } = machine;
  return {
    sysreg: sysregHal(machine),
    barrier: counted(machine, {
      dsbIshst: () => order.dsb(true),
      dsbIsh: () => order.dsb(false),
      dsbNsh: () => order.dsbOwn(),
      dsbSy: () => order.dsb(false),
      isb: () => order.isb(),
    }),
    tlb: counted(machine, {
      vmalle1: () => order.invalidateStage1(run.acting.stage2.vmid),
      vmalls12e1is: () => order.invalidate(run.acting.stage2),
      alle1is: () => order.invalidate(),
    }),
    phys: phys(machine),
    cache: counted(machine, {
      cleanInvalidate: (pa: bigint, bytes: bigint) => {
        const length = size(bytes);
        const at = door.phys(numberOf(pa), length);
        ram.clean(at, length);
        order.maintainCaches();
      },
      invalidateInstructions: () => {
        ram.invalidateInstructions();
        order.maintainCaches();
      },
    }),
    table: counted(machine, table(machine)),
    mmio: mmio(machine),
    atomic: atomic(machine),
    cpu: cpu(machine),
    context: counted(machine, context(machine)),
    stage1: counted(machine, {
      base: () => BigInt(door.stage1Base),
      read: (page: number, index: number) => door.readStage1(page >>> 0, index >>> 0),
      write: (page: number, index: number, descriptor: bigint) => door.writeStage1(page >>> 0, index >>> 0, u64(descriptor)),
      lock: () => door.lock(),
    }),
    image: counted(machine, {
      start: () => BigInt(door.imageStart),
      end: () => BigInt(door.imageEnd),
    }),
    crash: counted(machine, {
      register: (index: number) => machine.crash.registers[index >>> 0] ?? 0n,
      stackWord: (va: bigint) => machine.crash.stack.get(u64(va)) ?? 0n,
      symbolWord: (index: number) => machine.crash.symbolWord(index >>> 0),
    }),
  };
};
