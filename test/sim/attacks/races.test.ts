// Attacks in the midst of each other: several CPUs are in their exits at once, switched at calls of the HAL that a seed chooses (sim/interleaved.ts). Rows
// 7, 12, 15, 43, 49 and 53.

import assert from "node:assert/strict";
import { vmStates } from "../../../abi/calls.ts";
import { gicd } from "../../../abi/gic.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { trappedRegisters } from "../../../abi/sysregs.ts";
import type { Guest } from "../../../sim/guest.ts";
import { instrumentedCore } from "../../../sim/instrument.ts";
import { Interleaved } from "../../../sim/interleaved.ts";
import { oneOf, type Random, randomOf } from "../../../sim/random.ts";
import { RAM_BASE } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { error, id } from "../../unit/core/call.ts";
import { printed } from "../../unit/core/console-output.ts";
import { attack } from "./attack.ts";
import { drain, ENTRY, frameOf, openInterrupts, print } from "./guests.ts";
import { CONTROLLER, HOSTILE, type Scene } from "./scene.ts";

const wasm = instrumentedCore({ points: true });
/** All of a scene, on a core that gives way in the middle of exits. */
const machine = { wasm };
const SEEDS = [1, 2, 3, 4];
const EXITS = 600;
const { GICD_BASE, GICR_BASE, GICR_STRIDE, UART_BASE, SHARED_BASE } = guestMachine;

/** What a vCPU does next: it comes to the core once at most. */
type Act = (guest: Guest, about: { readonly vcpu: number; readonly random: Random }) => void;

/** Lets VMs act in the midst of each other; those that are not named do nothing. Afterwards no CPU is in an exit. */
const raceOf = async (scene: Scene, seed: number, acts: Readonly<Record<number, Act>>): Promise<void> => {
  const { machine: board } = scene;
  const random = randomOf(seed);
  const mode = new Interleaved(board, {
    seed,
    act: (cpu) => {
      const vcpu = Number(cpu.registers.read("VMPIDR_EL2") & 0xffn);
      acts[cpu.stage2.vmid - 1]?.(board.guestOf(cpu.vcpu), { vcpu, random });
    },
  });
  const end = board.run.exits + EXITS;
  await mode.until(() => board.run.exits >= end);
  await mode.finish();
  mode.stop();
  board.run.settle();
};

/** The last sixteen bytes of RAM. */
const BUFFER = RAM_BASE + 16 * MIB - 16;

attack(
  7,
  "two vCPUs print from a page that both change meanwhile: every byte printed was once there, and none comes from elsewhere",
  async (scene) => {
    scene.startAll();
    for (const seed of SEEDS) {
      await raceOf(scene, seed, {
        [HOSTILE]: (guest, { random }) => {
          // Letters of this seed alone are ever in the buffer, and nothing is behind it.
          const letter = BigInt(0x61 + ((seed + random(2)) % 26));
          for (let n = 0; n < 16; n++) guest.store(BUFFER + n, letter, { bytes: 1, rt: 9 });
          guest.hvc(id("HL_CONSOLE_WRITE"), BigInt(BUFFER + random(8)), BigInt(random(20)));
        },
      });
    }
    print(scene.hostile, "\n");
    const own = printed(scene.machine.uart.output)
      .split("\n")
      .filter((line) => line.startsWith("hostile| "));
    assert.ok(own.join("").length > 300, `${own}`);
    for (const line of own) assert.match(line, /^hostile\| [a-z]*\r?$/);
  },
  { hostile: { vcpus: 2 }, system: { machine }, places: ["apart"] },
);

attack(
  12,
  "CPU_ON of one vCPU by two others in the midst of each other, and of its CPU_OFF: it starts as often as one of them is told so",
  async (scene) => {
    assert.equal(scene.hostile.hvc(id("PSCI_CPU_ON_64"), 1n, ENTRY, 0n), 0n);
    scene.vcpu(HOSTILE, 1);
    let all = 0;
    for (const seed of SEEDS) {
      let successes = 0;
      let starts = 0;
      const hasAsked = new Set<number>();
      const hear = (guest: Guest, vcpu: number): void => {
        if (!hasAsked.delete(vcpu)) return;
        if (guest.x(0) === 0n) successes++;
        else assert.equal(guest.x(0), error("ALREADY_ON"));
      };
      const start = (guest: Guest): void => {
        assert.deepEqual([guest.pc, guest.x(0)], [ENTRY, 7n]);
        starts++;
        guest.hvc(id("PSCI_CPU_OFF"));
      };
      await raceOf(scene, seed, {
        [HOSTILE]: (guest, { vcpu }) => {
          if (vcpu === 2) {
            start(guest);
            return;
          }
          hear(guest, vcpu);
          hasAsked.add(vcpu);
          guest.hvc(id("PSCI_CPU_ON_64"), 2n, ENTRY, 7n);
        },
      });
      for (const vcpu of [0, 1]) hear(scene.vcpu(HOSTILE, vcpu), vcpu);
      const last = scene.machine.running(HOSTILE, 2);
      if (last !== undefined) start(last);
      assert.equal(starts, successes, `seed ${seed}`);
      all += starts;
    }
    assert.ok(all > 30, `${all} starts`);
  },
  { hostile: { vcpus: 3 }, system: { machine }, places: ["apart"] },
);

const lives = ["CREATE", "START", "START", "PAUSE", "RESUME", "RESUME", "RESET", "STOP", "DESTROY"] as const;

/** The controller does anything to a VM. */
const controls =
  (vm: number): Act =>
  (guest, { random }) =>
    void guest.hvc(id(`HL_VM_${oneOf(random, lives)}`), BigInt(vm));

attack(
  15,
  "a VM ends itself from all vCPUs in the midst of what a controller does to it: it can always be destroyed, and gives back all",
  async (scene) => {
    scene.control("DESTROY", HOSTILE);
    const before = scene.free;
    const ends: Act = (guest, { random }) =>
      oneOf(random, [
        () => guest.hvc(id("PSCI_SYSTEM_OFF")),
        () => guest.hvc(id("PSCI_SYSTEM_RESET")),
        () => guest.hvc(id("PSCI_CPU_OFF")),
        () => guest.hvc(id("PSCI_CPU_ON_64"), BigInt(random(3)), ENTRY, 0n),
        () => guest.hvc(id("PSCI_CPU_ON_64"), BigInt(random(3)), ENTRY, 0n),
        () => guest.hvc(id("PSCI_CPU_SUSPEND_64"), 0n, 0n, 0n),
        () => guest.fetch(0x3000_0000),
      ])();
    for (const seed of SEEDS) {
      await raceOf(scene, seed, { [HOSTILE]: ends, [CONTROLLER]: controls(HOSTILE) });
      scene.settle(HOSTILE);
      if (scene.stateOf(HOSTILE) !== vmStates.VM_ABSENT) scene.control("DESTROY", HOSTILE);
      assert.deepEqual(scene.free, before, `seed ${seed}`);
    }
  },
  { hostile: { vcpus: 3, memory: 2 * MIB }, controller: true, system: { machine }, places: ["apart"] },
);

attack(
  53,
  "a VM is reset again and again, also when its memory has just been filled: no CPU keeps anything of it, and it can be destroyed",
  async (scene) => {
    scene.control("DESTROY", HOSTILE);
    const before = scene.free;
    for (let seed = 1; seed <= 24; seed++) {
      scene.control("CREATE", HOSTILE);
      scene.control("START", HOSTILE);
      await raceOf(scene, seed, {
        [CONTROLLER]: (guest, { random }) => void guest.hvc(id(random(8) === 0 ? "HL_VM_RESET" : "HL_NULL"), BigInt(HOSTILE)),
      });
      scene.settle(HOSTILE);
      scene.control("DESTROY", HOSTILE);
      assert.deepEqual(scene.free, before, `seed ${seed}`);
    }
  },
  { hostile: { memory: 2 * MIB }, controller: true, system: { machine }, places: ["apart"] },
);

attack(
  43,
  "vCPUs change each other's interrupts in the midst of taking them: no list register holds one twice, and all come to an end",
  async (scene) => {
    const all = scene.startAll();
    for (const n of all) openInterrupts(scene.vcpu(HOSTILE, n), n);
    const registers = [
      gicd.GICD_ISENABLER,
      gicd.GICD_ICENABLER,
      gicd.GICD_ISPENDR,
      gicd.GICD_ICPENDR,
      gicd.GICD_ISACTIVER,
      gicd.GICD_ICACTIVER,
    ];
    const storm: Act = (guest, { random }) => {
      const frame = GICR_BASE + random(3) * GICR_STRIDE + 0x1_0000;
      const base = oneOf(random, [frame, GICD_BASE + 4, GICD_BASE + 8]);
      oneOf(random, [
        () => guest.store(base + oneOf(random, registers), BigInt(random(2 ** 32)), { rt: 9 }),
        () => guest.load(base + oneOf(random, registers), { rt: 9 }),
        () => guest.store(GICD_BASE + gicd.GICD_IROUTER + 8 * (32 + random(64)), BigInt(random(4)), { bytes: 8, rt: 9 }),
        () => guest.store(frame + gicd.GICD_IPRIORITYR + 4 * random(8), BigInt(random(2 ** 32)), { rt: 9 }),
        () => guest.msr(trappedRegisters.ICC_SGI1R_EL1, (BigInt(random(16)) << 24n) | BigInt(random(8)), 9),
        () => guest.end(guest.acknowledge()),
        () => guest.acknowledge(),
        () => guest.wfi(),
      ])();
    };
    for (const seed of SEEDS) {
      await raceOf(scene, seed, { [HOSTILE]: storm });
      // Whoever sleeps is woken; then everything is ended, and taken once more.
      for (const n of all) {
        const other =
          scene.machine.running(HOSTILE, n) ?? scene.machine.running(HOSTILE, (n + 1) % 3) ?? scene.vcpu(HOSTILE, (n + 2) % 3);
        other.msr(trappedRegisters.ICC_SGI1R_EL1, (1n << 24n) | (1n << BigInt(n)), 9);
      }
      for (const n of all) {
        const guest = scene.turn(HOSTILE, n, 5);
        if (guest === undefined) continue;
        for (let tries = 0; guest.cpu.virtual.runningPriority !== 0x100; tries++) {
          assert.ok(tries < 200, "an active interrupt never ends");
          for (let intid = 0; intid < 96; intid++) guest.end(intid);
        }
        for (const base of [GICD_BASE + 4, GICD_BASE + 8, frameOf(n)]) {
          guest.store(base + gicd.GICD_ICPENDR, 0xffff_ffffn, { rt: 9 });
          guest.store(base + gicd.GICD_ICACTIVER, 0xffff_ffffn, { rt: 9 });
        }
        openInterrupts(guest, n);
        drain(guest);
        guest.store(GICD_BASE + gicd.GICD_IROUTER + 8 * 40, BigInt(n), { bytes: 8, rt: 9 });
        guest.store(GICD_BASE + 4 + gicd.GICD_ISPENDR, 1n << 8n, { rt: 9 });
        assert.ok(drain(guest).includes(40), `seed ${seed}, vCPU ${n}`);
      }
    }
  },
  { hostile: { vcpus: 3 }, system: { machine }, places: ["apart"] },
);

/** Behind the controller. */
const PEER = 3;

attack(
  49,
  "doorbells, shared memory and interrupts of a VM in the midst of its peer's ends and beginnings: safe, and nothing of the peer is lost",
  async (scene) => {
    scene.control("DESTROY", PEER);
    const before = scene.free;
    const rings: Act = (guest, { random }) =>
      oneOf(random, [
        () => guest.hvc(id("HL_DOORBELL"), 0n),
        () => guest.hvc(id("HL_DOORBELL"), 0n),
        () => guest.hvc(id("HL_CONSOLE_WRITE"), BigInt(SHARED_BASE), 16n),
        () => guest.store(UART_BASE, 0x0an, { rt: 9 }),
        () => guest.end(guest.acknowledge()),
      ])();
    for (const seed of SEEDS) {
      await raceOf(scene, seed, { [HOSTILE]: rings, [PEER]: rings, [CONTROLLER]: controls(PEER) });
      scene.settle(PEER);
      if (scene.stateOf(PEER) !== vmStates.VM_ABSENT) scene.control("DESTROY", PEER);
      assert.deepEqual(scene.free, before, `seed ${seed}`);
      assert.equal(scene.hostile.hvc(id("HL_DOORBELL"), 0n), error("DENIED"));
    }
  },
  {
    hostile: { vcpus: 1, shared: [{ region: "common", readOnly: false }] },
    controller: true,
    more: [{ memory: 2 * MIB, shared: [{ region: "common", readOnly: false }] }],
    system: { machine, shared: [{ name: "common", size: 4096 }], doorbells: [["hostile", "more0"]] },
    places: ["apart"],
  },
);
