// Attacks by registers, and on what others have left in them: rows 16 to 23.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { exceptionClass } from "../../../abi/esr.ts";
import { gicd } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { pl031 } from "../../../abi/pl031.ts";
import { el1Context, halRegisters, hcr, idRegisters, trappedRegisters } from "../../../abi/sysregs.ts";
import { future, max } from "../../../sim/cpu-model.ts";
import { Violation } from "../../../sim/faults.ts";
import type { Guest } from "../../../sim/guest.ts";
import { RAM_BASE, start } from "../../../sim/start.ts";
import { disassemble } from "../../../tool/chain/disassembly.ts";
import { ROOT } from "../../../tool/paths.ts";
import { MIB } from "../../../tool/size.ts";
import { call } from "../../unit/core/call.ts";
import { attack, attackAlone } from "./attack.ts";
import { assertUndefined, ENTRY, frameOf, syndromeOf, useCaches, VECTORS } from "./guests.ts";
import { SECRET } from "./healthy.ts";
import { HOSTILE, MS } from "./scene.ts";

const XZR = 31;
const { GICD_BASE, UART_BASE, RTC_BASE, STOLEN_BASE, STOLEN_STRIDE } = guestMachine;

// --- XZR

/** A register of each device that keeps what is written, and how wide it is. */
const writable: [name: string, address: number, bytes: 1 | 2 | 4 | 8][] = [
  ["UARTIBRD", UART_BASE + pl011.UART_IBRD, 4],
  ["UARTIBRD by halves", UART_BASE + pl011.UART_IBRD, 2],
  ["RTCLR", RTC_BASE + pl031.RTC_LR, 4],
  ["GICD_IPRIORITYR", GICD_BASE + gicd.GICD_IPRIORITYR + 32, 1],
  ["GICD_IGROUPR", GICD_BASE + gicd.GICD_IGROUPR + 4, 4],
  ["GICD_IROUTER", GICD_BASE + gicd.GICD_IROUTER + 8 * 40, 8],
  ["GICR_IPRIORITYR", frameOf(0) + gicd.GICD_IPRIORITYR, 8],
];

attack(16, "stores of XZR write zero, loads into it change nothing, the record's next field least of all", ({ hostile }) => {
  for (const [name, address, bytes] of writable) {
    hostile.store(address, 0x0808_0808_0808_0808n & ((1n << BigInt(8 * bytes)) - 1n), { bytes, rt: 5 });
    hostile.store(address, 0xffffn, { bytes, rt: XZR });
    assert.equal(hostile.load(address, { bytes, rt: 6, wide: true }), 0n, name);
    for (let n = 0; n < 31; n++) hostile.setX(n, BigInt(n) + 0x77n);
    // A load into register 31 must not end up where the PC is kept.
    assert.equal(
      syndromeOf(hostile, () => hostile.load(address, { bytes, rt: XZR })),
      undefined,
      name,
    );
    for (let n = 0; n < 31; n++) assert.equal(hostile.x(n), BigInt(n) + 0x77n, `${name}: x${n}`);
  }
});

attack(16, "MSR of XZR writes zero, MRS into it is dropped, for every register that traps", ({ hostile }) => {
  for (const [name, encoding] of Object.entries(trappedRegisters)) {
    if (/SGI|OSLSR|CNTPCT/.test(name)) continue;
    hostile.msr(encoding, 3n, 5);
    hostile.systemRegister(encoding, XZR, false);
    const left = hostile.mrs(encoding, 6);
    // A distance of zero has passed by now.
    if (!name.includes("TVAL")) assert.equal(left, 0n, name);
    for (let n = 0; n < 31; n++) hostile.setX(n, BigInt(n) + 0x77n);
    assert.equal(
      syndromeOf(hostile, () => hostile.systemRegister(encoding, XZR, true)),
      undefined,
      name,
    );
    for (let n = 0; n < 31; n++) assert.equal(hostile.x(n), BigInt(n) + 0x77n, `${name}: x${n}`);
  }
  for (const { name, crm, op2 } of idRegisters) {
    const syndrome = syndromeOf(hostile, () => hostile.systemRegister([3, 0, 0, crm, op2], XZR, true));
    assert.equal(syndrome, undefined, name);
  }
  // An SGI to nobody: XZR names no target.
  assert.equal(
    syndromeOf(hostile, () => hostile.systemRegister(trappedRegisters.ICC_SGI1R_EL1, XZR, false)),
    undefined,
  );
});

// --- what is not given

attack(
  17,
  "implementation-defined registers and operations are UNDEFINED, each of them, both ways",
  ({ hostile }) => {
    for (const [op0, crns] of [
      [3, [11, 15]],
      [1, [11, 15]],
    ] as const) {
      for (const crn of crns) {
        for (let rest = 0; rest < 8 * 16 * 8; rest++) {
          const encoding = [op0, rest >> 7, crn, (rest >> 3) & 15, rest & 7];
          assertUndefined(hostile, () => hostile.systemRegister(encoding, 3, (rest & 1) === 0), `${encoding}`);
          if ((rest & 7) === 0)
            assertUndefined(hostile, () => hostile.systemRegister(encoding, 3, (rest & 1) !== 0), `${encoding}`);
        }
      }
    }
  },
  { places: ["apart"] },
);

/** What is hidden: where the ID registers would show it (CRm, op2, shift), and registers that it would bring. */
const hidden: Record<string, { id: readonly (readonly [number, number, number])[]; registers: readonly (readonly number[])[] }> =
  {
    PMU: {
      id: [
        [5, 0, 8],
        [1, 2, 24],
      ],
      registers: [
        [3, 3, 9, 12, 0],
        [3, 3, 9, 13, 0],
        [3, 3, 9, 14, 0],
        [3, 0, 9, 14, 1],
        [3, 3, 14, 8, 0],
        [3, 3, 14, 15, 7],
      ],
    },
    AMU: {
      id: [
        [4, 0, 44],
        [1, 0, 20],
      ],
      registers: [
        [3, 3, 13, 2, 0],
        [3, 3, 13, 2, 3],
        [3, 3, 13, 4, 0],
      ],
    },
    trace: {
      id: [
        [5, 0, 4],
        [5, 0, 40],
        [1, 2, 12],
      ],
      registers: [
        [2, 1, 0, 1, 0],
        [2, 1, 7, 14, 6],
        [3, 0, 1, 2, 1],
      ],
    },
    SPE: {
      id: [[5, 0, 32]],
      registers: [
        [3, 0, 9, 9, 0],
        [3, 0, 9, 10, 0],
      ],
    },
    SVE: {
      id: [
        [4, 0, 32],
        [4, 4, 0],
      ],
      registers: [[3, 0, 1, 2, 0]],
    },
    SME: {
      id: [
        [4, 1, 24],
        [4, 5, 0],
      ],
      registers: [
        [3, 0, 1, 2, 6],
        [3, 3, 4, 2, 2],
      ],
    },
    MTE: {
      id: [[4, 1, 8]],
      registers: [
        [3, 0, 1, 0, 5],
        [3, 0, 1, 0, 6],
        [3, 0, 5, 6, 0],
      ],
    },
    RAS: {
      id: [[4, 0, 28]],
      registers: [
        [3, 0, 5, 3, 0],
        [3, 0, 5, 4, 1],
      ],
    },
    "pointer authentication": {
      id: [
        [6, 1, 4],
        [6, 1, 8],
        [6, 1, 24],
        [6, 1, 28],
        [6, 2, 8],
        [6, 2, 12],
      ],
      registers: [
        [3, 0, 2, 1, 0],
        [3, 0, 2, 2, 3],
        [3, 0, 2, 3, 1],
      ],
    },
  };

for (const cpu of [max, future]) {
  attack(
    18,
    "PMU, AMU, trace, SPE, SVE, SME, MTE, RAS and pointer authentication are not shown, and are UNDEFINED, on CPUs that have them",
    ({ hostile }) => {
      for (const [name, { id, registers }] of Object.entries(hidden)) {
        for (const [crm, op2, shift] of id) {
          const field = (hostile.mrs([3, 0, 0, crm, op2], 6) >> BigInt(shift)) & 15n;
          assert.equal(field, 0n, `${name} in the ID register of CRm ${crm}, op2 ${op2}`);
        }
        for (const encoding of registers) {
          for (const read of [true, false]) assertUndefined(hostile, () => hostile.systemRegister(encoding, 3, read), name);
        }
      }
      for (const one of [exceptionClass.EC_SVE, exceptionClass.EC_SME, exceptionClass.EC_PAUTH, exceptionClass.EC_LS64])
        assertUndefined(hostile, () => hostile.exception(one, 0n), `class ${one}`);
    },
    { system: { machine: { cpu } }, places: ["apart"] },
  );
}

// --- what others have left

const isSecret = (value: bigint): boolean => value >> 16n === SECRET >> 16n;

/** Every word that a guest can read of itself without touching its memory. */
const visibleTo = (guest: Guest): Map<string, bigint> => {
  const found = new Map<string, bigint>();
  for (let n = 0; n < 31; n++) found.set(`x${n}`, guest.x(n));
  for (const name of el1Context) found.set(name, guest.sysreg(name));
  guest.useFp();
  for (const [n, word] of guest.cpu.vectors.entries()) found.set(`vector word ${n}`, word);
  for (const [name, encoding] of Object.entries(trappedRegisters))
    if (!/SGI/.test(name)) found.set(name, guest.mrs(encoding, 29));
  // Debug registers, and the whole space of keys and ID registers.
  for (let n = 0; n < 2; n++) for (let op2 = 4; op2 < 8; op2++) found.set(`debug ${n} ${op2}`, guest.mrs([2, 0, 0, n, op2], 29));
  for (let offset = 0; offset < 0xd00; offset += 4) {
    found.set(`distributor ${offset}`, guest.load(GICD_BASE + offset, { rt: 29 }));
    found.set(`private ${offset}`, guest.load(frameOf(0) + offset, { rt: 29 }));
  }
  for (let n = 0; n < 8; n++) found.set(`stolen ${n}`, guest.load(STOLEN_BASE + STOLEN_STRIDE * n, { bytes: 8, rt: 29 }));
  return found;
};

attack(
  19,
  "whatever a vCPU looks at when it comes onto a CPU, nothing of the VM that was there before is in it",
  (scene) => {
    for (let turn = 0; turn < 4; turn++) {
      // The healthy VM has its secret in every register, uses its vector registers, and leaves.
      scene.healthy.useFp();
      assert.ok(isSecret(scene.healthy.cpu.vectors[3] ?? 0n));
      const hostile = scene.hostile;
      useCaches(hostile);
      for (const [name, value] of visibleTo(hostile)) assert.ok(!isSecret(value), `the healthy VM's ${name}`);
      // What EL2 may hold in the CPU meanwhile: its virtual interface.
      assert.equal(hostile.acknowledge(), 1023);
      for (let n = 0; n < 31; n++) hostile.setX(n, 0xbad0_0000n + BigInt(n));
      hostile.cpu.vectors.fill(0xbadn);
    }
  },
  { places: ["together"] },
);

attack(
  19,
  "a vCPU that was paused, resumed and moved to other CPUs finds its own vector and EL1 registers, never a neighbour's",
  (scene) => {
    const { machine } = scene;
    const own = 0x0717_0000n;
    for (const n of scene.startAll()) {
      const guest = scene.vcpu(HOSTILE, n);
      guest.setSysreg("TPIDR_EL0", own + BigInt(n));
      guest.useFp();
      guest.cpu.vectors.fill(own + BigInt(n));
    }
    for (let turn = 0; turn < 6; turn++) {
      assert.equal(call(scene.controller, "HL_VM_PAUSE", HOSTILE), 0n);
      machine.run.advance(7n * MS);
      assert.equal(call(scene.controller, "HL_VM_RESUME", HOSTILE), 0n);
      for (const n of [0, 1, 2]) {
        const guest = scene.vcpu(HOSTILE, n);
        guest.useFp();
        assert.equal(guest.sysreg("TPIDR_EL0"), own + BigInt(n));
        assert.deepEqual(new Set(guest.cpu.vectors), new Set([own + BigInt(n)]));
      }
    }
  },
  { hostile: { vcpus: 3, affinity: [0, 1] }, controller: true },
);

attack(
  20,
  "a VM in the memory of one that was destroyed, and a vCPU that is switched on, begin with zeros",
  (scene) => {
    const guest = scene.hostile;
    for (let at = 0; at < 16 * MIB; at += 4096) guest.store(RAM_BASE + at, SECRET, { bytes: 8 });
    guest.useFp();
    guest.cpu.vectors.fill(SECRET);
    for (const name of el1Context) if (!/^CNT|SCTLR/.test(name)) guest.setSysreg(name, SECRET);
    const frames = new Set(guest.leaves.filter(({ input }) => input >= RAM_BASE).map(({ output }) => output));
    scene.control("DESTROY", HOSTILE);
    scene.control("CREATE", 3);
    scene.control("START", 3);
    const fresh = scene.vcpu(3);
    assert.ok(
      fresh.leaves.some(({ output }) => frames.has(output)),
      "it has frames of the other",
    );
    const bytes = Buffer.from(fresh.memory(RAM_BASE, 16 * MIB));
    assert.ok(!bytes.includes(Buffer.from(new BigUint64Array([SECRET]).buffer)), "nothing of the other's is in them");
    const isClear = (vcpu: Guest, x0: bigint): void => {
      for (let n = 0; n < 31; n++) assert.equal(vcpu.x(n), n === 0 ? x0 : 0n, `x${n}`);
      for (const name of el1Context) assert.equal(vcpu.sysreg(name), name === "SCTLR_EL1" ? 0x30d0_0800n : 0n, name);
      vcpu.useFp();
      assert.ok(vcpu.cpu.vectors.every((word) => word === 0n));
    };
    isClear(fresh, BigInt(RAM_BASE));
    assert.equal(call(fresh, "PSCI_CPU_ON_64", 1, ENTRY, 5), 0n);
    isClear(scene.vcpu(3, 1), 5n);
  },
  { controller: true, more: [{ vcpus: 2, autostart: false }] },
);

// --- PSTATE, SErrors, EL2 itself

attack(21, "whatever PSTATE a guest was in, an exception that it is given enters EL1h, and nothing else", ({ hostile }) => {
  // What a CPU can report of a guest: EL0, EL1 with either stack pointer, AArch32 at EL0; every flag that it can have set.
  for (const mode of [0x0n, 0x4n, 0x5n, 0x10n]) {
    for (const flags of [0n, 0xf000_0000n, 0x0060_0000n, 0x0130_1000n, 0x3c0n]) {
      const pstate = mode | flags;
      hostile.pstate = pstate;
      hostile.setSysreg("VBAR_EL1", VECTORS);
      hostile.exception(0x3f, 0n);
      assert.equal(hostile.pstate & 0x1fn, 5n, `from ${pstate.toString(16)}`);
      assert.equal(hostile.sysreg("SPSR_EL1"), pstate);
    }
  }
});

attackAlone(21, "a record whose PSTATE names EL2 or EL3 is never entered, as after a restore that went wrong", () => {
  for (const mode of [0x8n, 0x9n, 0xcn, 0xdn, 0x1an]) {
    const guest = start();
    guest.pstate = 0x3c0n | mode;
    assert.throws(
      () => guest.hvc(0x8400_0000n),
      (error) => error instanceof Violation && /SPSR/.test(error.message),
      `${mode}`,
    );
  }
  // The board's check of the same: bit 3 of SPSR_EL2, between its load from the record and ERET.
  const code = disassemble("build/hyper-lite.elf").find(({ name }) => name === "enter_vcpu")?.instructions ?? [];
  const at = (what: RegExp): number => code.findIndex(({ mnemonic, operands }) => what.test(`${mnemonic} ${operands}`));
  const [check, eret] = [at(/^tbnz [wx]\d+, #3,/), at(/^eret/)];
  assert.ok(check >= 0 && check < eret, `the check is instruction ${check}, the ERET ${eret}`);
});

/** A virtual SError waits for the guest that runs. */
const hasSerror = (guest: Guest): boolean => (guest.sysreg("HCR_EL2") & hcr.HCR_VSE) !== 0n;

attack(
  22,
  "an SError stays with the vCPU that provoked it, over turns, pauses and other CPUs, and ends with a reset",
  (scene) => {
    scene.startAll();
    scene.vcpu(HOSTILE, 1).serror();
    for (let turn = 0; turn < 5; turn++) {
      assert.ok(!hasSerror(scene.healthy), "the healthy VM");
      assert.ok(!hasSerror(scene.vcpu(HOSTILE, 0)), "its other vCPU");
      assert.ok(hasSerror(scene.vcpu(HOSTILE, 1)));
      if (turn === 2) {
        assert.equal(call(scene.controller, "HL_VM_PAUSE", HOSTILE), 0n);
        scene.machine.run.advance(3n * MS);
        assert.ok(!scene.machine.cpus.some(({ vcpu, guest }) => vcpu !== 0 && guest !== undefined && hasSerror(guest)));
        assert.equal(call(scene.controller, "HL_VM_RESUME", HOSTILE), 0n);
      }
      scene.machine.run.advance(MS);
    }
    call(scene.vcpu(HOSTILE, 0), "PSCI_SYSTEM_RESET");
    assert.ok(!hasSerror(scene.hostile), "its next life");
    assert.equal(call(scene.hostile, "PSCI_CPU_ON_64", 1, ENTRY, 0), 0n);
    assert.ok(!hasSerror(scene.vcpu(HOSTILE, 1)));
  },
  { hostile: { vcpus: 2 }, controller: true },
);

attackAlone(23, "nothing at EL2 unmasks interrupts, in an exception least of all; a crash enters no guest any more", () => {
  // PSTATE.I changes by MSR DAIFClr, MSR DAIF, or an ERET to a PSTATE that has it clear: the last is done by the entry into a guest alone.
  const unmasking = /^msr (daifclr|daif|allint|pm)\b/i;
  const returns = new Set<string>();
  for (const { name, instructions } of disassemble("build/hyper-lite.elf")) {
    for (const { mnemonic, operands } of instructions) {
      assert.doesNotMatch(`${mnemonic} ${operands}`, unmasking, name);
      if (mnemonic === "eret") returns.add(name);
    }
  }
  assert.deepEqual(
    [...returns].filter((name) => name !== "enter_vcpu"),
    [],
    "ERET elsewhere",
  );
  assert.ok(!halRegisters.some(({ name }) => /^(DAIF|SPSR_EL2|ELR_EL2)$/.test(name)), "nor can TypeScript");
  assert.doesNotMatch(readFileSync(join(ROOT, "metal/vectors.S"), "utf8"), /daifclr/);

  const guest = start({ machine: { cpus: 2 } });
  const { core, cpus } = guest.machine;
  assert.throws(() => core.onCrash(4n));
  // Whatever was pending: the run is over, and no line comes behind the last one.
  assert.match(guest.machine.uart.output, /halted: crash an exception at EL2.*\r\n$/);
  assert.ok(cpus.every(({ power }) => power !== "starting"));
});
