// The state sanitizer (sim/state/): bugs by which a guest would find registers that are not its own, each with what it says of them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { max } from "../../../sim/cpu-model.ts";
import { type Change, plantedCore } from "../planted.ts";
import { type LoadOptions, reportOf } from "./load.ts";

const SEEDS = 40;

const change = (file: string, find: string, replace: string): Change => ({ file: `src/${file}`, find, replace });

const bugs: Readonly<Record<string, readonly [Change | readonly Change[], RegExp, LoadOptions?]>> = {
  "masks of the interrupt interface are not saved": [
    change("devices/list-registers.ts", "  vcpu.vmcr = sysreg.readIchVmcrEl2();\n", ""),
    /is entered with ICH_VMCR_EL2 0x0, and had 0x/,
  ],
  "active priorities are not loaded": [
    change("devices/list-registers.ts", "  sysreg.writeIchAp1r0El2(vcpu.activeGroup1);\n", ""),
    /is entered on CPU \d with ICH_AP1R0_EL2 of the one before it/,
  ],
  "active priorities of one group are saved as the other's": [
    change(
      "devices/list-registers.ts",
      "  vcpu.activeGroup1 = sysreg.readIchAp1r0El2();",
      "  vcpu.activeGroup1 = sysreg.readIchAp0r0El2();",
    ),
    /is entered with ICH_AP1R0_EL2 0x0, and had 0x/,
  ],
  "a vCPU keeps the identity of the one before it": [change("cpu/el2.ts", "  sysreg.writeVmpidrEl2(mpidr);\n", ""), /VMPIDR_EL2/],
  "a VM's count starts with that of the board": [
    change("devices/exchange.ts", "vcpu.mpidr, vm.countOffset, vcpu", "vcpu.mpidr, vcpu.switches, vcpu"),
    /counts from \d+, and counted from/,
  ],
  "the count of the VM before": [
    change("cpu/el2.ts", "  sysreg.writeCntvoffEl2(countOffset);\n", ""),
    /CNTVOFF_EL2 of the one before it/,
  ],
  "vector registers stay open to the next one": [change("devices/exchange.ts", "  el2.setFp(false);\n", ""), /vector registers/],
  "vector registers are not saved": [
    change("devices/exchange.ts", "  if (vcpu.fpLoaded != 0) saveFp(vcpu);\n", ""),
    /vector registers/,
  ],
  "a start leaves the registers of the former life": [
    change("cpu/el2.ts", "  memory.fill(changetype<usize>(frame), 0, offsetof<VcpuFrame>());\n", ""),
    /is not what it was|goes on behind a call that does not return/,
  ],
  "a start leaves the EL1 registers and vectors of the former life": [
    change(
      "cpu/el2.ts",
      "memory.fill(changetype<usize>(frame), 0, offsetof<VcpuFrame>())",
      'memory.fill(changetype<usize>(frame), 0, offsetof<VcpuFrame>("v0"))',
    ),
    /starts with \w+ 0x7a19/,
  ],
  "a start leaves the masks of the former life": [
    change("devices/vgic.ts", "  vcpu.vmcr = 0;\n", ""),
    /is entered with ICH_VMCR_EL2 0x\w+, and had 0x0/,
  ],
  "a vCPU starts with another argument than its caller's": [
    change("smccc/psci.ts", "power.resetVcpu(target, entry, context);", "power.resetVcpu(target, entry, affinity);"),
    /does not start as a vCPU does/,
  ],
  "a call changes a register that it does not return": [
    change("traps/sync.ts", "  vcpu.x0 = SUCCESS;\n", "  vcpu.x0 = SUCCESS;\n  vcpu.x4 = 0;\n"),
    /behind an exit of class 0x16: X4 is 0x0, and was 0x/,
  ],
  "the random bits go one register too far": [
    change("smccc/trng.ts", "vcpu.x3 = word(width, bits as u32, 0);", "vcpu.x4 = word(width, bits as u32, 0);"),
    /behind an exit of class 0x16: X4 is 0x/,
  ],
  "a trapped read goes to the register beside": [
    change(
      "traps/system-register.ts",
      "registers.write(vcpu, rt, read(vcpu, register))",
      "registers.write(vcpu, rt ^ 1, read(vcpu, register))",
    ),
    /behind an exit of class 0x18: X\d+ is 0x/,
  ],
  "a trapped access is skipped twice": [
    change("traps/system-register.ts", "  vcpu.elr += 4;\n  // An SGI", "  vcpu.elr += 8;\n  // An SGI"),
    /behind an exit of class 0x18: PC is 0x/,
  ],
  "an interrupt costs a register": [
    change("main.ts", "  self.interrupts++;\n", "  self.interrupts++;\n  self.x9 = self.interrupts;\n"),
    /behind an interrupt: X9 is 0x/,
  ],
  "an exception goes to the vector of another mode": [
    change("cpu/inject.ts", "vector = 0x200;", "vector = 0x000;"),
    /the exception that it gets goes to no vector of its/,
  ],
  "an exception leaves interrupts open": [
    change(
      "cpu/inject.ts",
      "SPSR_D | SPSR_A | SPSR_I | SPSR_F | SPSR_M_EL1H;\n  // Flags",
      "SPSR_D | SPSR_A | SPSR_F | SPSR_M_EL1H;\n  // Flags",
    ),
    /the exception that it gets leaves a wrong PSTATE/,
  ],
  "an UNDEFINED instruction costs FAR_EL1": [
    change("cpu/inject.ts", "  sysreg.writeEsrEl1(esr);\n", "  sysreg.writeEsrEl1(esr);\n  sysreg.writeFarEl1(frame.elr);\n"),
    /FAR_EL1 of the vCPU at 0x\w+ was 0x\w+, and EL2 has made it/,
  ],
  "an SError is given to whoever comes next": [
    change("cpu/el2.ts", "if (((controls & HCR_VSE) != 0) != serror) sysreg.writeHcrEl2(controls ^ HCR_VSE);", ""),
    /virtual SError that is not its own|without the virtual SError/,
  ],
  "an SError is forgotten when its vCPU leaves": [
    change("devices/exchange.ts", "vcpu.serror = u32(el2.hasSerror());", "vcpu.serror = 0;"),
    /without the virtual SError that is its own/,
  ],
  "the deferred SError of the one before": [
    change("cpu/el2.ts", "if ((controls & HCR_TERR) != 0) sysreg.writeVdisrEl2(0);", ""),
    /VDISR_EL2 of the one before it/,
    { model: max },
  ],
  "a debug register of the first vCPU is shown to all": [
    change("traps/system-register.ts", "return vcpu.mdscr;", "return vcpu.vm.firstVcpu.mdscr;"),
    /reads 0x\w+ from its MDSCR_EL1, which is 0x\w+ for it/,
  ],
  "a control is left as the loader had it": [
    change("cpu/el2.ts", "  sysreg.writeHstrEl2(0);\n", ""),
    /with HSTR_EL2 as the loader has left it/,
  ],
  "the guest's debug state is the loader's": [
    change("cpu/el2.ts", "  sysreg.writeMdscrEl1(0);\n", ""),
    /with MDSCR_EL1 as the loader has left it/,
  ],
  "a call returns a value of another VM": [
    [
      change(
        "smccc/vendor.ts",
        'import { Vcpu } from "../vm/records";',
        'import { Vcpu } from "../vm/records";\nimport * as vms from "../vm/table";',
      ),
      change("smccc/vendor.ts", "vcpu.x1 = vcpu.runTime;", "vcpu.x1 = vms.vm(1 - vcpu.vm.id).firstVcpu.x7;"),
    ],
    /holds a value of VMID \d/,
  ],
  "a vCPU starts by a call that is answered as refused": [
    change("smccc/psci.ts", "return may ? SUCCESS : ALREADY_ON;", "return ALREADY_ON;"),
    /does not start as a vCPU does/,
  ],
  "EL2 writes a value of one VM where another reads it": [
    change("smccc/vendor.ts", "vcpu.x1 = vm.id;", "phys.write64(vm.stolenPage as Pa, vcpu.x7);"),
    /EL2 writes a value of VMID \d to 0x/,
  ],
};

for (const [n, [name, [planted, message, options]]] of Object.entries(bugs).entries()) {
  test(`reported: ${name}`, async () => {
    const wasm = await plantedCore(`state-${n}`, [planted].flat());
    assert.match(reportOf(SEEDS, { ...options, wasm }) ?? "no report", message);
  });
}

test("the core as it is gives no report", () => {
  assert.equal(reportOf(SEEDS), undefined);
  assert.equal(reportOf(SEEDS / 4, { model: max }), undefined);
});
