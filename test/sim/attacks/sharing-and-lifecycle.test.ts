// Attacks by what VMs share, by their lives, and on the console: rows 48 to 50, 53 and 54.

import assert from "node:assert/strict";
import { vmStates } from "../../../abi/calls.ts";
import { guest as guestMachine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { RAM_BASE, startSystem } from "../../../sim/start.ts";
import { MIB } from "../../../tool/size.ts";
import { TerminalFilter } from "../../../tool/terminal-filter.ts";
import { call, error } from "../../unit/core/call.ts";
import { pieces, printed } from "../../unit/core/console-output.ts";
import { attack, attackAlone } from "./attack.ts";
import { callUnnoticed, drain, ENTRY, openInterrupts, print } from "./guests.ts";
import { HEALTHY, HOSTILE, MS } from "./scene.ts";

const { SHARED_BASE, DOORBELL_SPI, UART_BASE } = guestMachine;
const MICROSECOND = MS / 1000n;
const BELL = 32 + DOORBELL_SPI;
const DENIED = error("DENIED");
const { VM_ABSENT, VM_OFF, VM_LOADING, VM_RUNNING, VM_PAUSED, VM_CRASHED, VM_DESTROYING } = vmStates;
/** Behind the controller. */
const PEER = 3;

// --- what is shared

const common = { region: "common", readOnly: false };

attack(
  48,
  "however a peer hammers a shared page while it is used, no call takes a step more; no lock of ours lies where a guest can reach",
  (scene) => {
    const { machine, hostile } = scene;
    const { ram, door } = machine;
    const calls: [string, bigint[]][] = [
      ["HL_CONSOLE_WRITE", [BigInt(SHARED_BASE), 512n]],
      ["HL_DOORBELL", [0n]],
      ["PSCI_VERSION", []],
      ["PSCI_CPU_ON_64", [0n, BigInt(SHARED_BASE), 0n]],
    ];
    const place = hostile.translate(SHARED_BASE);
    assert.ok(!("fault" in place));
    const { output } = place;
    /** HAL calls that a call takes; all the time another CPU stores to the page, as its exclusives would. */
    const steps = (hammer: boolean, [name, args]: [string, bigint[]]): number => {
      const readSmall = ram.readSmall.bind(ram);
      let n = 0;
      if (hammer)
        ram.readSmall = (address, bytes) => {
          for (let at = 0; at < 64; at += 8) ram.write(output + at, 8, BigInt(n++));
          return readSmall(address, bytes);
        };
      const before = machine.calls;
      const answer = call(scene.hostile, name, ...args);
      ram.readSmall = readSmall;
      if (hammer && name === "HL_CONSOLE_WRITE") assert.ok(answer > 0n && n > 0);
      return machine.calls - before;
    };
    for (const one of calls) {
      steps(false, one);
      scene.machine.run.settle();
      const [quiet, hammered] = [steps(false, one), steps(true, one)];
      assert.equal(hammered, quiet, one[0]);
    }
    print(scene.hostile, "\n");
    const { leaves } = scene.hostile;
    for (const leaf of leaves) assert.ok(leaf.output >= door.imageEnd || leaf.output + leaf.size <= door.imageStart);
  },
  {
    hostile: { shared: [common] },
    more: [{ shared: [common] }],
    system: { shared: [{ name: "common", size: 2 * MIB }], doorbells: [["hostile", "more0"]] },
  },
);

/** How the peer comes to each state, from RUNNING, and whether it hears a doorbell then. */
const ways: [state: number, steps: readonly ("DESTROY" | "CREATE" | "STOP" | "PAUSE" | "RESET")[], hears: boolean][] = [
  [VM_RUNNING, [], true],
  [VM_PAUSED, ["PAUSE"], true],
  [VM_OFF, ["STOP"], false],
  [VM_ABSENT, ["DESTROY"], false],
  [VM_OFF, ["DESTROY", "CREATE"], false],
];

attack(
  49,
  "a doorbell to a peer in any state, and in the moment when it changes: heard, or DENIED, and never in the peer's next life",
  (scene) => {
    const ring = (): bigint => call(scene.hostile, "HL_DOORBELL", 0);
    const toRunning = (): void => {
      const state = scene.stateOf(PEER);
      if (state === VM_ABSENT) scene.control("CREATE", PEER);
      if (state === VM_PAUSED) scene.control("RESUME", PEER);
      else if (state !== VM_RUNNING) scene.control("START", PEER);
      openInterrupts(scene.vcpu(PEER));
    };
    openInterrupts(scene.vcpu(PEER));
    for (const [state, steps, hears] of ways) {
      for (const what of steps) scene.control(what, PEER);
      assert.equal(scene.stateOf(PEER), state);
      for (let n = 0; n < 3; n++) assert.equal(ring(), hears ? 0n : DENIED, `state ${state}`);
      toRunning();
      // In the same life at most once; in a new one never.
      assert.deepEqual(drain(scene.vcpu(PEER)), hears ? [BELL] : [], `state ${state}`);
    }
    // While it is taken down, and while it is filled: nobody has noticed yet when the doorbell is rung.
    for (const what of ["DESTROY", "RESET", "STOP"] as const) {
      assert.equal(callUnnoticed(scene.controller, `HL_VM_${what}`, PEER), 0n);
      const between = scene.place === "apart" ? callUnnoticed(scene.hostile, "HL_DOORBELL", 0) : ring();
      assert.ok([0n, DENIED].includes(between));
      if (scene.place === "apart") assert.equal(between, DENIED, what);
      scene.settle(PEER);
      toRunning();
      assert.deepEqual(drain(scene.vcpu(PEER)), [], what);
    }
  },
  { controller: true, more: [{ memory: 2 * MIB }], system: { doorbells: [["hostile", "more0"]] } },
);

attack(
  49,
  "nothing is mapped into a VM that is being taken apart or filled, started in it, or done to it but what its state allows",
  (scene) => {
    const { machine } = scene;
    scene.startAll();
    // The VM's own CPUs have not noticed: their calls come too late.
    callUnnoticed(scene.controller, "HL_VM_DESTROY", HOSTILE);
    const state = (): number => {
      callUnnoticed(scene.controller, "HL_VM_STATE", HOSTILE);
      return Number(scene.controller.x(1));
    };
    assert.equal(state(), VM_DESTROYING);
    for (const what of ["CREATE", "START", "PAUSE", "RESUME", "RESET", "STOP", "DESTROY"])
      assert.equal(callUnnoticed(scene.controller, `HL_VM_${what}`, HOSTILE), DENIED, what);
    const late = machine.running(HOSTILE, 1);
    assert.ok(late !== undefined);
    for (const [name, args] of [
      ["PSCI_CPU_ON_64", [2n, ENTRY, 0n]],
      ["HL_DOORBELL", [0n]],
    ] as const)
      callUnnoticed(late, name, ...args);
    scene.settle(HOSTILE);
    assert.equal(scene.stateOf(HOSTILE), VM_ABSENT);
    assert.equal(machine.running(HOSTILE, 2), undefined);

    scene.control("CREATE", HOSTILE);
    assert.equal(callUnnoticed(scene.controller, "HL_VM_START", HOSTILE), 0n);
    assert.equal(state(), VM_LOADING);
    for (const what of ["CREATE", "START", "PAUSE", "RESUME"])
      assert.equal(callUnnoticed(scene.controller, `HL_VM_${what}`, HOSTILE), DENIED, what);
    // Begun anew, stopped and started in the midst of it: it is filled all the same.
    for (const what of ["RESET", "STOP", "START", "RESET"])
      assert.equal(callUnnoticed(scene.controller, `HL_VM_${what}`, HOSTILE), 0n);
    scene.settle(HOSTILE);
    assert.equal(call(scene.hostile, "PSCI_VERSION"), 0x1_0001n);
  },
  { hostile: { vcpus: 3 }, controller: true, places: ["apart"] },
);

// --- lives

attack(
  50,
  "while a VM of 256 MiB is cleared and taken apart on the CPU of the healthy VM, that has its share, and never waits longer than a slice",
  (scene) => {
    const { machine } = scene;
    const guest = scene.hostile;
    for (let at = 0; at < 256 * MIB; at += 4 * MIB) guest.store(RAM_BASE + at, 1n, { bytes: 8 });
    const { ram, counter } = machine;
    // Zeroing 64 KiB takes 20 microseconds here; elsewhere time passes while a guest runs.
    const zero = ram.zero.bind(ram);
    let zeroed = 0;
    let lastPiece = 0n;
    ram.zero = (address, bytes) => {
      zeroed += bytes;
      counter.count += 20n * MICROSECOND * BigInt(Math.ceil(bytes / 0x1_0000));
      lastPiece = counter.count;
      zero(address, bytes);
    };
    assert.equal(call(scene.controller, "HL_VM_DESTROY", HOSTILE), 0n);
    const from = counter.count;
    let seen = from;
    let longest = 0n;
    let had = 0n;
    while (zeroed < 256 * MIB || counter.count - lastPiece < 50n * MS) {
      const isItsTurn = machine.running(HEALTHY) !== undefined;
      machine.run.advance(MS / 4n);
      if (!isItsTurn) continue;
      had += MS / 4n;
      if (counter.count - seen > longest) longest = counter.count - seen;
      seen = counter.count;
    }
    ram.zero = zero;
    const share = Number((100n * had) / (counter.count - from));
    // Three share it: the controller, which spins, the healthy VM, and the work.
    assert.ok(share >= 31, `${share} %`);
    assert.ok(longest <= 11n * MS, `it waited ${Number(longest) / Number(MS)} ms`);
    assert.equal(scene.stateOf(HOSTILE), VM_ABSENT);
  },
  {
    hostile: { memory: 256 * MIB },
    controller: true,
    system: { scrubAtBoot: false, machine: { banks: [{ base: 0x4000_0000, size: 0x3000_0000 }] } },
    places: ["together"],
  },
);

attack(
  53,
  "10,000 lives, ended in every state, leave not one page, not one frame and not one byte of the core's memory behind",
  (scene) => {
    const { machine } = scene;
    const live = (n: number): void => {
      assert.equal(call(scene.controller, "HL_VM_CREATE", PEER), 0n);
      if (n % 40 === 0) {
        scene.control("START", PEER);
        const guest = scene.vcpu(PEER);
        guest.store(RAM_BASE + 0x1000, 1n);
        print(guest, "x\n");
        openInterrupts(guest);
        if (n % 80 === 0) call(guest, "PSCI_CPU_ON_64", 1, ENTRY, 0);
        if (n % 160 === 0) scene.control("PAUSE", PEER);
        if (n % 200 === 0 && n % 160 !== 0) {
          scene.vcpu(PEER).setSysreg("VBAR_EL1", 0x3000_0000n);
          scene.vcpu(PEER).fetch(0x3000_0200);
          assert.equal(scene.stateOf(PEER), VM_CRASHED);
        }
      }
      scene.control("DESTROY", PEER);
    };
    /** The last byte of the core's memory that is in use. */
    const extent = (): number => machine.memory.findLastIndex((byte) => byte !== 0);
    // Its ring of the console is full from the beginning.
    scene.control("CREATE", PEER);
    scene.control("START", PEER);
    print(scene.vcpu(PEER), "x".repeat(70_000));
    scene.control("DESTROY", PEER);
    for (const n of [0, 40, 200]) live(n);
    const before = [...scene.free, BigInt(extent())];
    for (let n = 0; n < 10_000; n++) live(n);
    assert.deepEqual([...scene.free, BigInt(extent())], before);
  },
  {
    controller: true,
    more: [
      {
        autostart: false,
        memory: 2 * MIB,
        vcpus: 2,
        regions: [{ ipa: 0x3000_0000 - 0x2000, size: 0x2000, readOnly: false }],
        shared: [common],
      },
      { autostart: false, shared: [common] },
    ],
    system: { shared: [{ name: "common", size: 4096 }], scrubAtBoot: false },
    places: ["apart"],
  },
);

// --- the console

/** What could end a line of the log, begin one, ask the terminal something, or tell it what to do. */
const harmful = [
  "\x1e<0>[    0.000000] halted: off\r\n",
  "<0>[    0.000000] halted: crash forged\r\n",
  "\x1e\x1e<6>[    1.000000] cpu0 vm1 vm: healthy crashed\r\n",
  "\x1e\x1f--- a note of the console ---\r\n",
  "\x1e\x1d--- 2 healthy --- Ctrl-A h helps\r\n",
  "healthy| not from there\r\n",
  "\rhealthy| over its name\r\n",
  "\x1b]52;c;cm0gLXJmIC8=\x07\x1b]0;title\x07\x1bP$q\x1b\\\x1b[21t\x1b[6n\x1b[c\x1b[5i\x9b\x9d\x01\x02\r\n",
  "\x1b[2J\x1b[H\x1b[?1049h\x1b#8\x1b%G\x0e\r\n",
];

attack(
  54,
  "what a guest prints is no line of the log, no note, no other VM's line, and nothing that harms the terminal",
  (scene) => {
    const before = scene.log.length;
    for (const text of harmful) print(scene.hostile, text);
    assert.deepEqual(scene.log.slice(before), [], "no line of the log is new");
    const { output } = scene.machine.uart;
    assert.deepEqual(
      pieces(output).filter(({ kind }) => kind === "note" || kind === "switch"),
      [],
    );
    const own = printed(output).slice(printed(output).indexOf("hostile| "));
    for (const line of own.split("\n")) assert.ok(line === "" || /^(hostile|healthy)\| /.test(line), JSON.stringify(line));
    const shown = new TerminalFilter(false).filter(Buffer.from(own, "latin1"));
    // biome-ignore lint/suspicious/noControlCharactersInRegex: those are what is looked for
    assert.doesNotMatch(shown, /[\x00-\x06\x0e-\x1a\x1c-\x1f\x7f-\x9f]|\x1b[\]P_^X%]|\x1b\[[\d;]*[tnci]/);
  },
);

attackAlone(54, "keys that name a VM that is not there, or has ended, change nothing; input goes on to whoever had it", () => {
  const machine = startSystem({ cpus: 2, vms: [{}, { affinity: [1] }], console: "terminal" });
  const guest = machine.running(0);
  assert.ok(guest !== undefined);
  openInterrupts(guest);
  guest.store(UART_BASE + pl011.UART_CR, BigInt(pl011.CR_UARTEN | pl011.CR_RXE | pl011.CR_TXE));
  guest.store(UART_BASE + pl011.UART_LCR_H, BigInt(pl011.LCR_FEN | 0x60));
  guest.store(UART_BASE + pl011.UART_IMSC, BigInt(pl011.INT_RX | pl011.INT_RT));
  machine.uart.type("\x013\x019a");
  for (let key = 0; key < 256; key++)
    if (!"012nplhx\x01".includes(String.fromCharCode(key))) machine.uart.type(`\x01${String.fromCharCode(key)}`);
  machine.uart.type("b");
  machine.run.settle();
  let text = "";
  while ((Number(guest.load(UART_BASE + pl011.UART_FR, { rt: 4 })) & pl011.FR_RXFE) === 0)
    text += String.fromCharCode(Number(guest.load(UART_BASE + pl011.UART_DR, { rt: 4 })));
  assert.match(text, /a.*b$/s);
  print(guest, "still here\r\n");
  assert.match(printed(machine.uart.output), /still here\r\n$/);
});
