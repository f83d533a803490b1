// Attacks on what others have left, and on EL2's own state: rows 19 to 23.

import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { el1Context, halRegisters, hcr, trappedRegisters } from "../../../abi/sysregs.ts";
import { Violation } from "../../../sim/faults.ts";
import type { Guest } from "../../../sim/guest.ts";
import { RAM_BASE, start } from "../../../sim/start.ts";
import { disassemble } from "../../../tool/chain/disassembly.ts";
import { ROOT } from "../../../tool/paths.ts";
import { MIB } from "../../../tool/size.ts";
import { call } from "../../unit/core/call.ts";
import { attack, attackAlone } from "./attack.ts";
import { ENTRY, frameOf, useCaches, VECTORS } from "./guests.ts";
import { SECRET } from "./healthy.ts";
import { HOSTILE, MS } from "./scene.ts";

const { GICD_BASE, STOLEN_BASE, STOLEN_STRIDE } = guestMachine;

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

attackAlone(
  21,
  "a record whose PSTATE names EL2, EL3 or a mode that no guest has is never entered, as after a restore that went wrong",
  () => {
    for (const mode of [0x8n, 0x9n, 0xcn, 0xdn, 0x1an, 0x1n, 0x6n, 0x7n, 0x11n, 0x13n, 0x1fn]) {
      const guest = start();
      guest.pstate = 0x3c0n | mode;
      assert.throws(
        () => guest.hvc(0x8400_0000n),
        (error) => error instanceof Violation && /SPSR/.test(error.message),
        `${mode}`,
      );
    }
    // The board's check of what would lead upwards: bit 3 of SPSR_EL2, before ERET.
    const code = disassemble("build/hyper-lite.elf").find(({ name }) => name === "enter_vcpu")?.instructions ?? [];
    const at = (what: RegExp): number => code.findIndex(({ mnemonic, operands }) => what.test(`${mnemonic} ${operands}`));
    const [check, eret] = [at(/^tbnz [wx]\d+, #3,/), at(/^eret/)];
    assert.ok(check >= 0 && check < eret, `the check is instruction ${check}, the ERET ${eret}`);
  },
);

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
