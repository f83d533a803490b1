// The sanitizer of isolation: what a VM reaches, what it finds there at its start, and what EL2 does for whom.

import { type Bug, testBugs } from "./bugs.ts";
import { apart, asking, large, leftovers, successors, successorsUnscrubbed, urgent } from "./lives.ts";

const CREATE = "src/vm/create.ts";
const WORK = "src/vm/work.ts";

const bugs: Bug[] = [
  {
    what: "frames that are taken stay free",
    changes: [{ file: "src/mmu/frames.ts", find: "setFree(addressOf(row), bytesOf(row), false)", replace: "bytesOf(row)" }],
    run: successors,
    report: /VM \d has 0x\w+ at 0x\w+, which .* has at 0x/,
  },
  {
    what: "the bundle's frames are free",
    changes: [
      { file: "src/traps/boot.ts", find: "  frames.setFree(start as Pa, bytes, false);\n  manifest", replace: "  manifest" },
    ],
    run: large,
    report: /is given 0x4a000000 at 0x\w+: that is the bundle/,
  },
  {
    what: "every block of a VM is the same one",
    changes: [{ file: "src/mmu/stage2.ts", find: "    output += size;\n", replace: "" }],
    run: successors,
    report: /VM \d has 0x\w+ at 0x\w+, which VM \d has at 0x/,
  },
  {
    what: "a VM gets one frame more than it should have",
    changes: [{ file: CREATE, find: "frames.take(vm.bytes - at, true)", replace: "frames.take(vm.bytes - at + FRAME, true)" }],
    run: large,
    report: /VM 0 has 0x200000 bytes at 0x48000000, where the bundle gives it nothing/,
  },
  {
    what: "a region that may only be read can be written",
    changes: [{ file: CREATE, find: "region.readOnly != 0 ? stage2.ROM : stage2.RAM", replace: "stage2.RAM" }],
    run: successors,
    report: /VM 1 has its region at 0x0 with the descriptor 0x/,
  },
  {
    what: "a shared region that a VM may only read can be written",
    changes: [
      {
        file: CREATE,
        find: "share.readOnly != 0 ? stage2.SHARED_READ_ONLY",
        replace: "share.readOnly > 1 ? stage2.SHARED_READ_ONLY",
      },
    ],
    run: successors,
    report: /VM 1 has its shared at 0x10000000 with the descriptor 0x/,
  },
  {
    what: "a VM can write how long it has waited",
    changes: [{ file: CREATE, find: "STOLEN_SIZE, stage2.SHARED_READ_ONLY", replace: "STOLEN_SIZE, stage2.SHARED" }],
    run: successors,
    report: /VM \d has its stolen time at 0x90a0000 with the descriptor 0x/,
  },
  {
    what: "the page of stolen time is another VM's",
    changes: [{ file: CREATE, find: "stolen + (id as u64) * STOLEN_SIZE", replace: "stolen" }],
    run: successors,
    report: /VM 0 has 0x\w+ at 0x90a0000, which .* has at 0x90a0000/,
  },
  {
    what: "a VM is not cleared when it is destroyed",
    changes: [
      {
        file: WORK,
        find: "return vm.used != 0 || (loads && manifest.scrubs())",
        replace: "return (loads && (vm.used != 0 || manifest.scrubs()))",
      },
    ],
    run: successorsUnscrubbed,
    report: /VM 2 starts with a byte of 0x\w+ at 0x\w+ \(0x\w+\), which nobody has cleared/,
  },
  {
    what: "a VM that is reset finds what it has left",
    changes: [
      {
        file: WORK,
        find: "return vm.used != 0 || (loads && manifest.scrubs()) ? vm.bytes : 0;",
        replace: "return vm.work == Work.CLEAN ? vm.bytes : 0;",
      },
    ],
    run: successors,
    report: /VM 1 starts with a byte of 0x\w+ at 0x\w+ \(0x\w+\), which nobody has cleared/,
  },
  {
    what: "a region is not cleared",
    changes: [{ file: WORK, find: "return vm.used != 0 || loads ? table.region(vm, n).bytes : 0;", replace: "return 0;" }],
    run: successors,
    report: /VM 1 starts with a byte of 0xe7 at 0x41002ff8 \(0x\w+\), which nobody has cleared/,
  },
  {
    what: "the last page of each piece is not cleared",
    changes: [
      {
        file: WORK,
        find: "if (zeroes) phys.zero(pa, bytes);",
        replace: "if (zeroes) phys.zero(pa, bytes > 0x1000 ? bytes - 0x1000 : bytes);",
      },
    ],
    run: successors,
    report: /VM 1 starts with a byte of 0xe7 at 0x\w+ \(0x\w+\), which nobody has cleared/,
  },
  {
    what: "a kernel is its first piece again and again",
    changes: [{ file: WORK, find: "(sourceOf(vm, part, n) + vm.workAt) as Pa", replace: "sourceOf(vm, part, n) as Pa" }],
    run: successors,
    report: /VM 1 starts with a byte of 0x\w+ at 0x40088000 \(0x\w+\), which is not as the bundle has it/,
  },
  {
    what: "a kernel's last bytes are left out",
    changes: [{ file: WORK, find: "+ vm.workAt) as Pa, bytes);", replace: "+ vm.workAt) as Pa, bytes & ~(63 as u64));" }],
    run: successors,
    report: /which is not as the bundle has it/,
  },
  {
    what: "the last bytes of a device tree are left out, where a loader's bytes lie",
    changes: [{ file: WORK, find: "+ vm.workAt) as Pa, bytes);", replace: "+ vm.workAt) as Pa, bytes & ~(63 as u64));" }],
    run: leftovers,
    report: /VM \d starts with a byte of 0x\w+ at 0x\w+ \(0x\w+\), which is not as the bundle has it/,
  },
  {
    what: "a VM starts with what instruction caches hold of its former life",
    changes: [{ file: WORK, find: "    cache.invalidateInstructions();\n", replace: "" }],
    run: successors,
    report: /VM \d starts, and instruction caches may hold what was at 0x\w+ before it was loaded/,
  },
  {
    what: "a shared region is not cleared for sure when other CPUs come",
    changes: [{ file: CREATE, find: "  barrier.dsbSy();\n", replace: "" }],
    run: successors,
    report: /an SGI is sent before the dsb behind cache maintenance/,
  },
  {
    what: "work begins while a CPU still has the VM",
    changes: [
      {
        file: "src/sched/sched.ts",
        find: "if (loadedOn(table.vcpu(vm, n)) != 0) return;",
        replace: "if (loadedOn(table.vcpu(vm, n)) > 9) return;",
      },
    ],
    run: apart,
    report: /EL2 writes to 0x\w+ of VM 1, while that is on CPU \d/,
  },
  {
    what: "a vCPU waits on a CPU that does a VM's work",
    changes: [
      {
        file: "src/traps/run.ts",
        find: "  if (changetype<usize>(cpu.loaded) != 0) exchange.unload(cpu);\n  if (work.step",
        replace: "  if (work.step",
      },
    ],
    run: urgent,
    report: /EL2 works on the memory of .*, while CPU \d keeps a vCPU of VM \d/,
  },
  {
    what: "what goes to the console is read behind the end of a VM's RAM",
    changes: [{ file: "src/smccc/vendor.ts", find: "min<u64>(bytes, 0x1000 - (ipa & 0xfff))", replace: "bytes" }],
    run: asking,
    report: /EL2 reads 0x\w+, which is no memory of the VM on CPU 1/,
  },
  {
    what: "stolen time is written into the next VM's page",
    changes: [
      {
        file: "src/devices/exchange.ts",
        find: "(vcpu.vm.stolenPage + vcpu.id",
        replace: "(vcpu.vm.stolenPage + 0x1000 + vcpu.id",
      },
    ],
    run: asking,
    report: /EL2 writes/,
  },
];

testBugs("isolation", bugs);
