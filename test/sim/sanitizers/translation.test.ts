// The sanitizer of translations: what TLBs may hold, and the barriers and invalidations around it.

import { without } from "../planted.ts";
import { type Bug, testBugs } from "./bugs.ts";
import { asking, successors, turns } from "./lives.ts";

const STAGE2 = "src/mmu/stage2.ts";
const VENDOR = "src/smccc/vendor.ts";
const PV_IMPORT = 'import * as phys from "../hal/phys";';

/** HL_CONSOLE_WRITE finds the first block of the VM's RAM and does something with it. */
const remapping = (what: string) => [
  {
    file: VENDOR,
    find: PV_IMPORT,
    replace: ["barrier", "phys", "sysreg", "table as entries", "tlb"]
      .map((name) => `import * as ${name.split(" as ").at(-1)} from "../hal/${name.split(" ")[0]}";`)
      .join("\n"),
  },
  {
    file: VENDOR,
    find: "  const space = vcpu.vm.stage2;",
    replace: `  const space = vcpu.vm.stage2;
  const blocks = (entries.read(space.root as Pa, 1) & 0xfffffffff000) as Pa;
  const block = entries.read(blocks, 0);
  ${what}`,
  },
];

/** The first two blocks are taken out for a VMID. */
const takenOut = (vmid: string): string => `const other = entries.read(blocks, 1);
  entries.clear(blocks, 0);
  entries.clear(blocks, 1);
  barrier.dsbIshst();
  const before = sysreg.readVttbrEl2();
  sysreg.writeVttbrEl2(space.root | ((${vmid} as u64) << 48));
  barrier.isb();
  tlb.vmalls12e1is();
  barrier.dsbIsh();
  sysreg.writeVttbrEl2(before);
  barrier.isb();`;
/** They come back the other way round. */
const SWAPPED = `entries.writeLeaf(blocks, 0, other);
  entries.writeLeaf(blocks, 1, block);`;

const bugs: Bug[] = [
  {
    what: "no TLB is emptied when a VM is taken apart",
    wrapHal: without("tlb", "vmalls12e1is"),
    run: successors,
    report: /given back while a TLB may still lead to it/,
  },
  {
    what: "that of another VMID is",
    changes: [{ file: STAGE2, find: "((vmid as u64) << VMID_SHIFT)", replace: "((vmid as u64 + 1) << VMID_SHIFT)" }],
    run: successors,
    report: /given back while a TLB may still lead to it/,
  },
  {
    what: "no DSB waits for the invalidation",
    changes: [{ file: STAGE2, find: "tlb.vmalls12e1is();\n  barrier.dsbIsh();", replace: "tlb.vmalls12e1is();" }],
    run: successors,
    report: /given back while a TLB may still lead to it/,
  },
  {
    what: "the invalidation comes before the entries are seen to be gone",
    changes: [{ file: STAGE2, find: "barrier.dsbIshst();\n  sysreg.writeVttbrEl2(load", replace: "sysreg.writeVttbrEl2(load" }],
    run: successors,
    report: /given back while a TLB may still lead to it/,
  },
  {
    what: "memory is given back before the invalidation",
    changes: [
      {
        file: STAGE2,
        find: "forget(vmid);\n  giveBack(stage2, list, count);",
        replace: "giveBack(stage2, list, count);\n  forget(vmid);",
      },
    ],
    run: successors,
    report: /given back while a TLB may still lead to it/,
  },
  {
    what: "two VMs have one VMID",
    changes: [{ file: "src/vm/table.ts", find: "vm.vmid = id + 1;", replace: "vm.vmid = (id >> 1) + 1;" }],
    run: successors,
    report: /VMID 1/,
  },
  {
    what: "a CPU goes from one vCPU to the other and keeps its stage 1",
    wrapHal: without("tlb", "vmalle1"),
    run: turns,
    report: /keeps its stage 1/,
  },
  {
    what: "a leaf becomes another one",
    changes: remapping("if (block != 0) entries.writeLeaf(blocks, 0, block);"),
    run: asking,
    report: /REFUSE_LEAF: entry 0 of 0x\w+ is replaced/,
  },
  {
    what: "a leaf is broken, but not forgotten before it is made again",
    changes: remapping("entries.clear(blocks, 0);\n  barrier.dsbIshst();\n  entries.writeLeaf(blocks, 0, block);"),
    run: asking,
    report: /break-before-make: the entry at 0x\w+ was cleared, but its removal is only published/,
  },
  {
    what: "blocks change places, and another VMID forgets them",
    changes: remapping(`${takenOut("9")}\n  ${SWAPPED}\n  barrier.dsbIshst();`),
    run: asking,
    report: /a stale translation: on CPU 1 VMID 2 still goes from 0x40000000 to 0x\w+, the tables say to 0x/,
  },
  {
    what: "blocks change places, and no barrier follows",
    changes: remapping(`${takenOut("vcpu.vm.vmid")}\n  ${SWAPPED}`),
    run: asking,
    report: /a guest is entered while the entry at 0x\w+ is only written/,
  },
  {
    what: "no barrier follows what maps memory for EL2",
    changes: [{ file: "src/mmu/stage1.ts", find: "  barrier.dsbIshst();\n  barrier.isb();", replace: "" }],
    run: successors,
    report: /EL2 uses a translation that was only written: dsb and isb are missing/,
  },
];

testBugs("translation", bugs);
