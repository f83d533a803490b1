// Faults that are none: nothing that the core does is different with them. Each was looked at, and says why.

import type { FaultName } from "./faults.ts";

export interface Equivalent extends FaultName {
  readonly why: string;
}

export const equivalents: readonly Equivalent[] = [
  {
    file: "src/log/halt.ts",
    within: "end",
    from: "if (load<u32>(alone) == 0) cpu.smc(PSCI_SYSTEM_OFF, 0, 0, 0);",
    to: "if (load<u16>(alone) == 0) cpu.smc(PSCI_SYSTEM_OFF, 0, 0, 0);",
    before: 0,
    why: "it is 0 or 1, and the lower half of a word comes first",
  },
  {
    file: "src/cpu/el2.ts",
    within: "init",
    from: "barrier.dsbIshst();",
    to: "",
    before: 0,
    why: "no entry of a table is on its way that the invalidation behind it could be for: this CPU has written none, and what others have is visible",
  },
  {
    file: "src/lib/lock.ts",
    within: "draw",
    from: 'return atomic.add32(changetype<usize>(lock) + offsetof<Lock>("next"), 1);',
    to: 'return atomic.add32(changetype<usize>(lock) - offsetof<Lock>("next"), 1);',
    before: 0,
    why: "the field is the first one: its offset is 0",
  },
  {
    file: "src/mmu/stage1.ts",
    within: "nextTable",
    from: "if (entry != 0) return (((entry & OUTPUT) - (stage1.base() as u64)) >> 12) as u32;",
    to: "if (entry != 0) return (((entry) - (stage1.base() as u64)) >> 12) as u32;",
    before: 0,
    why: "an entry for a table is an address and two low bits, which the shift drops: no table of EL2 has attributes of its own",
  },
  {
    file: "src/lib/fdt.ts",
    within: "open",
    from: "const structureSize = big(base + 36) as u64;",
    to: "const structureSize = big(base + 36) as u32;",
    before: 0,
    why: "`big` returns 32 bits, and what is added to this has 64: the sum is the same",
  },
  {
    file: "src/sched/priority.ts",
    within: "dequeue",
    from: "if (isNobody(queue(priority).first)) store<u32>(filled, load<u32>(filled) & ~((1 as u32) << priority));",
    to: "if (isNobody(queue(priority).first)) store<u32>(filled, load<u32>(filled));",
    before: 0,
    why: "the bits save looking into empty queues, where `best` finds nobody and goes on",
  },
  {
    file: "src/traps/skip.ts",
    within: "aarch32",
    from: "frame.spsr = (frame.spsr & ~(SPSR_IT_MASK as u64)) | (((next & 0xfc) as u64) << 8) | (((next & 3) as u64) << 25);",
    to: "frame.spsr = (frame.spsr & ~(SPSR_IT_MASK as u64)) | (((next & 0xfc) as u64) << 8) | (((next & 3) as u32) << 25);",
    before: 0,
    why: "3 at most, and 25 bits further up: that fits into 32 bits",
  },
];
