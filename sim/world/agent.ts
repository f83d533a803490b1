// A hostile guest: what a vCPU does next, by chance, out of everything that a guest can do (the catalogue of attacks, ordered as there). Each
// action comes to the core once at most, and looks at nothing that the core answers: so it is the same action where the exit is over at once and
// where other CPUs go on in the middle of it.

import { callLimits, calls } from "../../abi/calls.ts";
import { exceptionClass } from "../../abi/esr.ts";
import { gicd, gicIds, gicr } from "../../abi/gic.ts";
import { guest as guestMachine } from "../../abi/guest.ts";
import { pl011 } from "../../abi/pl011.ts";
import { idRegisters, trappedRegisters } from "../../abi/sysregs.ts";
import { callId } from "../call-ids.ts";
import type { Access } from "../guest.ts";
import { once, oneOf, type Random, word } from "../random.ts";
import { ownerOf, tokenOf } from "../state/token.ts";
import { MASK_64 } from "../words.ts";
import { type Action, type Actor, begin } from "./actor.ts";
import { forgetDevices, virtio } from "./driver.ts";

const { GICD_BASE, GICR_BASE, GICR_STRIDE, UART_BASE, RTC_BASE, RAM_BASE, STOLEN_BASE, SHARED_BASE } = guestMachine;
const ENTRY = BigInt(RAM_BASE + guestMachine.RAW_LOAD);
const RAM_TOP = 0x200_0000;

const NULL = callId("HL_NULL");
const CONSOLE_WRITE = callId("HL_CONSOLE_WRITE");
const CPU_ON = callId("PSCI_CPU_ON_64");
const SUSPEND = callId("PSCI_CPU_SUSPEND_64");
const DOORBELL = callId("HL_DOORBELL");
/** Those that end or change the life of the VM that makes them: each in its own measure. */
const DEADLY = ["CPU_OFF", "SYSTEM_OFF", "SYSTEM_RESET", "SYSTEM_RESET2_32", "SYSTEM_RESET2_64"].map((name) =>
  callId(`PSCI_${name}`),
);
const CONTROL = calls.filter(({ name }) => name.startsWith("HL_VM_") && name !== "HL_VM_FACT").map(({ id }) => BigInt(id));
const CHANGES = ["CREATE", "START", "START", "START", "PAUSE", "RESUME", "RESUME", "RESET", "STOP", "DESTROY"].map((name) =>
  callId(`HL_VM_${name}`),
);
/** Those that wait until something comes. */
const WAITS = [callId("PSCI_CPU_SUSPEND_32"), SUSPEND];
const SPECIAL = [...DEADLY, ...CONTROL, ...WAITS];
const HARMLESS = calls.map(({ id }) => BigInt(id)).filter((id) => !SPECIAL.includes(id));

const ID_REGISTERS = idRegisters.map(({ crm, op2 }) => [3, 0, 0, crm, op2]);
const TRAPPED = Object.values(trappedRegisters);
const CLASSES = Object.values(exceptionClass);
const WIDTHS = [1, 2, 4, 8] as const;
/** Registers of the distributor and of a redistributor's second frame that mean something, a word each. */
const GIC_BANKS = [
  gicd.GICD_IGROUPR,
  gicd.GICD_ISENABLER,
  gicd.GICD_ICENABLER,
  gicd.GICD_ISPENDR,
  gicd.GICD_ICPENDR,
  gicd.GICD_ISACTIVER,
  gicd.GICD_ICACTIVER,
  gicd.GICD_ICFGR,
];
const UART_REGISTERS = Object.entries(pl011).flatMap(([name, offset]) => (name.startsWith("UART_") ? [offset] : []));
/** Registers of EL1 that a guest changes as it likes, without an exit. */
const OWN_REGISTERS = [
  "SCTLR_EL1",
  "TPIDR_EL1",
  "TPIDR_EL0",
  "TTBR0_EL1",
  "CONTEXTIDR_EL1",
  "CPACR_EL1",
  "VBAR_EL1",
  "SP_EL1",
  "PAR_EL1",
];

/** A value that no other VM has. */
const token = ({ vm, random }: Actor): bigint => tokenOf(vm + 1, random(2 ** 32));
/** Any 64 bits but what another VM alone has. */
const anyWord = (random: Random): bigint => {
  const found = word(random);
  return ownerOf(found) === undefined ? found : MASK_64 - found;
};
/** A value that means something now and then. */
const value = (actor: Actor): bigint => {
  const { random } = actor;
  switch (random(5)) {
    case 0:
      return BigInt(random(256));
    case 1:
      return 0xffff_ffff_ffff_ffffn;
    case 2:
      return anyWord(random);
    default:
      return token(actor);
  }
};

/** Widths, signs, registers, and no syndrome at all: pairs, write-back, vectors, atomics. */
const access = (random: Random): Access => ({
  bytes: oneOf(random, WIDTHS),
  signed: once(random, 4),
  wide: once(random, 2),
  rt: random(32),
  noSyndrome: once(random, 16),
});
const wordAccess: Access = { rt: 5 };

/** An IPA: of RAM, of a device, of a shared region, of nothing, at an end of any of these. */
const ipa = (random: Random): number => {
  switch (random(8)) {
    case 0:
      return SHARED_BASE + random(0x40_0000);
    case 1:
      return STOLEN_BASE + random(0x1000);
    case 2:
      return random(2 ** 32);
    case 3:
      return guestMachine.IPA_LIMIT - 8 * random(16);
    case 4:
      return oneOf(random, [GICD_BASE, GICR_BASE, UART_BASE, RTC_BASE]) + random(0x1_0000);
    default:
      return RAM_BASE + random(RAM_TOP);
  }
};
const ramWord = (random: Random): number => RAM_BASE + 8 * random(RAM_TOP / 8);
const frameOf = (vcpu: number): number => GICR_BASE + vcpu * GICR_STRIDE;

// --- calls

const nullCall: Action = ({ guest }) => guest.hvc(NULL);
const harmlessCall: Action = (actor) => {
  const { guest, random } = actor;
  const make = once(random, 3) ? "smc" : "hvc";
  guest[make](oneOf(random, HARMLESS), value(actor), value(actor), value(actor));
};
const unknownCall: Action = (actor) => {
  const { guest, random } = actor;
  const id =
    BigInt(oneOf(random, [0x8000_0000, 0x8400_0000, 0xc400_0000, 0xc600_0000, 0x8200_0000, 0xb200_0000, 0])) +
    BigInt(random(0x40));
  if (SPECIAL.includes(id)) return;
  guest.hvc(id | (once(random, 4) ? anyWord(random) << 32n : 0n), value(actor), value(actor), value(actor));
};
const consoleWrite: Action = ({ guest, random }) => {
  const bytes = once(random, 4) ? anyWord(random) : BigInt(random(callLimits.CONSOLE_WRITE_MAX / 8));
  guest.hvc(CONSOLE_WRITE, BigInt(ipa(random)), bytes);
};
const cpuOn: Action = ({ guest, random }) => {
  const mpidr = once(random, 8) ? anyWord(random) : BigInt(random(4));
  guest.hvc(CPU_ON, mpidr, once(random, 8) ? anyWord(random) : ENTRY, anyWord(random));
};
const ring: Action = ({ guest, random }) => guest.hvc(DOORBELL, BigInt(random(8)));
const otherImmediate: Action = ({ guest, random }) => {
  const isHvc = once(random, 2);
  if (isHvc) guest.pc += 4n;
  guest.exception(isHvc ? exceptionClass.EC_HVC64 : exceptionClass.EC_SMC64, BigInt(1 + random(0xffff)));
};
/** Whom a call of control is about: nobody, oneself, or the first controller now and then; without those a life goes on. */
const whom = ({ random, vm, vms, isController }: Actor): bigint => {
  if (once(random, 32)) return anyWord(random);
  const other = random(vms);
  const isQuiet = isController && (other === 0 || other === vm) && !once(random, 100);
  return BigInt(isQuiet ? (vm + 1) % vms || vms : other);
};
const control: Action = (actor) => {
  const { guest, random } = actor;
  const id = once(random, 4) ? oneOf(random, CONTROL) : oneOf(random, CHANGES);
  guest.hvc(id, whom(actor), BigInt(random(32)));
};
/** The same of who may not. */
const forbiddenControl: Action = (actor) => {
  if (!actor.isController) control(actor);
};
const die: Action = ({ guest, random, isController }) => {
  if (!isController || once(random, 20)) guest.hvc(oneOf(random, DEADLY), 0n, 0n);
};

// --- registers

const identification: Action = ({ guest, random }) => guest.systemRegister(oneOf(random, ID_REGISTERS), random(32), true);
const trappedRegister: Action = (actor) => {
  const { guest, random } = actor;
  const rt = random(32);
  guest.setX(rt, value(actor));
  guest.systemRegister(oneOf(random, TRAPPED), rt, once(random, 2));
};
const anyRegister: Action = (actor) => {
  const { guest, random } = actor;
  const encoding = [2 + random(2), random(8), random(16), random(16), random(8)];
  guest.setX(4, value(actor));
  guest.systemRegister(encoding, once(random, 4) ? 31 : 4, once(random, 2));
};
const ownRegister: Action = (actor) => actor.guest.setSysreg(oneOf(actor.random, OWN_REGISTERS), token(actor));
const generalRegister: Action = (actor) => actor.guest.setX(actor.random(31), token(actor));
const vectorRegisters: Action = ({ guest }) => guest.useFp();

// --- memory and devices

/** What goes into a bank: one interrupt's bit most of the time, for whoever turns everything off sees nothing of interest any more. */
const bankBits = (random: Random): bigint => (once(random, 16) ? BigInt(random(2 ** 32)) : 1n << BigInt(random(32)));
const distributor: Action = (actor) => {
  const { guest, random } = actor;
  const at = GICD_BASE + oneOf(random, GIC_BANKS) + 4 * random(4);
  if (once(random, 2)) guest.load(at, wordAccess);
  else guest.store(at, bankBits(random), wordAccess);
};
const redistributor: Action = (actor) => {
  const { guest, random, vcpu } = actor;
  const at = frameOf(once(random, 4) ? random(8) : vcpu) + gicr.GICR_SGI_FRAME + oneOf(random, GIC_BANKS);
  if (once(random, 2)) guest.load(at, wordAccess);
  else guest.store(at, bankBits(random), wordAccess);
};
const gicControl: Action = ({ guest, random, vcpu }) => {
  if (once(random, 2)) guest.store(GICD_BASE, BigInt(random(4)) | 2n, wordAccess);
  else guest.store(frameOf(vcpu) + gicr.GICR_WAKER, BigInt(random(4) & 2), wordAccess);
};
const priorities: Action = ({ guest, random, vcpu }) => {
  const base = once(random, 2) ? GICD_BASE : frameOf(vcpu) + gicr.GICR_SGI_FRAME;
  guest.store(base + gicd.GICD_IPRIORITYR + random(96), anyWord(random), { bytes: once(random, 2) ? 1 : 4, rt: 5 });
};
const routes: Action = ({ guest, random }) =>
  guest.store(GICD_BASE + gicd.GICD_IROUTER + 8 * (32 + random(64)), BigInt(random(5)), { bytes: 8, rt: 5 });
const gicAnywhere: Action = (actor) => {
  const { guest, random } = actor;
  const at = once(random, 2) ? GICD_BASE + random(0x1_0000) : GICR_BASE + random(8 * GICR_STRIDE);
  if (once(random, 2)) guest.load(at, access(random));
  else guest.store(at, value(actor), access(random));
};
const uartFlags: Action = ({ guest }) => guest.load(UART_BASE + pl011.UART_FR, wordAccess);
const print: Action = ({ guest, random }) => guest.store(UART_BASE + pl011.UART_DR, BigInt(random(256)), wordAccess);
const uart: Action = (actor) => {
  const { guest, random } = actor;
  const at = UART_BASE + (once(random, 4) ? random(0x1000) : oneOf(random, UART_REGISTERS));
  const how = once(random, 4) ? access(random) : wordAccess;
  if (once(random, 2)) guest.load(at, how);
  else guest.store(at, value(actor), how);
};
const clock: Action = ({ guest, random }) => {
  const at = RTC_BASE + 4 * random(9);
  if (once(random, 2)) guest.load(at, wordAccess);
  else guest.store(at, BigInt(random(16)), wordAccess);
};
const memory: Action = (actor) => {
  const { guest, random } = actor;
  const at = ramWord(random);
  if (once(random, 2)) guest.load(at, { bytes: 8, rt: 6 });
  else guest.store(at, token(actor), { bytes: 8, rt: 6 });
};
const anywhere: Action = (actor) => {
  const { guest, random } = actor;
  // An access across the end of a mapping is two accesses to the CPU.
  const how = access(random);
  const at = ipa(random);
  const aligned = at - (at % (how.bytes ?? 4));
  if (once(random, 2)) guest.load(aligned, how);
  else guest.store(aligned, value(actor), how);
};
const jump: Action = ({ guest, random }) => {
  const at = ipa(random);
  guest.fetch(at - (at % 4));
};
const vectors: Action = ({ guest, isController, random }) => {
  if (!isController || once(random, 20)) guest.fetch(Number(BigInt.asUintN(38, guest.pc)));
};

// --- interrupts and time

const open: Action = ({ guest }) => guest.openInterrupts();
const mask: Action = ({ guest, random }) => {
  guest.cpu.virtual.priorityMask = 8 * random(32);
};
const take: Action = ({ guest, taken }) => {
  const intid = guest.acknowledge();
  if (intid < gicIds.INTID_SPURIOUS) taken.push(intid);
};
const end: Action = ({ guest, random, taken }) => {
  const last = taken.pop();
  guest.end(last === undefined || once(random, 16) ? random(1024) : last);
};
const takeAndEnd: Action = (actor) => {
  take(actor);
  if (actor.taken.length > 0) end(actor);
};
const sgi: Action = ({ guest, random }) => {
  guest.setX(7, (BigInt(random(16)) << 24n) | (once(random, 4) ? 1n << 40n : 0n) | BigInt(random(16)));
  guest.systemRegister(once(random, 4) ? trappedRegisters.ICC_SGI0R_EL1 : trappedRegisters.ICC_SGI1R_EL1, 7, false);
};
const virtualTimer: Action = ({ guest, random }) => {
  guest.setSysreg("CNTV_CVAL_EL0", BigInt.asUintN(64, guest.cpu.timer.virtualCount + BigInt(random(400_000))));
  guest.setSysreg("CNTV_CTL_EL0", BigInt(random(4)));
};
const physicalTimer: Action = ({ guest, random }) => {
  guest.setX(8, BigInt(random(400_000)));
  guest.systemRegister(trappedRegisters.CNTP_TVAL_EL0, 8, false);
};
/** What a kernel does first: its distributor, its redistributor and its CPU interface let interrupts through. */
const beginning: readonly Action[] = [
  ({ guest }) => guest.store(GICD_BASE, 2n, wordAccess),
  ({ guest, vcpu }) => guest.store(frameOf(vcpu) + gicr.GICR_WAKER, 0n, wordAccess),
  ({ guest, vcpu }) => guest.store(frameOf(vcpu) + gicr.GICR_SGI_FRAME + gicd.GICD_IGROUPR, 0xffff_ffffn, wordAccess),
  ({ guest, vcpu }) => guest.store(frameOf(vcpu) + gicr.GICR_SGI_FRAME + gicd.GICD_ISENABLER, 0xffff_ffffn, wordAccess),
  ({ guest }) => guest.store(GICD_BASE + gicd.GICD_IGROUPR + 4, 0xffff_ffffn, wordAccess),
  ({ guest }) => guest.store(GICD_BASE + gicd.GICD_ISENABLER + 4, 0xffff_ffffn, wordAccess),
  open,
  virtualTimer,
];
/** What is active without end, after a random end of interrupt, would hold all others back. */
const recovery: readonly Action[] = [
  ({ guest, vcpu }) => guest.store(frameOf(vcpu) + gicr.GICR_SGI_FRAME + gicd.GICD_ICACTIVER, 0xffff_ffffn, wordAccess),
  ({ guest }) => guest.store(GICD_BASE + gicd.GICD_ICACTIVER + 4, 0xffff_ffffn, wordAccess),
  ({ guest }) => guest.cpu.virtual.forgetActive(),
];
const sleep: Action = ({ guest, random }) => {
  guest.setSysreg("CNTV_CVAL_EL0", BigInt.asUintN(64, guest.cpu.timer.virtualCount + BigInt(random(400_000))));
  guest.setSysreg("CNTV_CTL_EL0", 1n);
  if (once(random, 4)) guest.hvc(SUSPEND, 0n, 0n, 0n);
  else guest.wfi();
};
/** Most of the time something can end the wait: whoever sleeps without that hardly wakes again. */
const wait: Action = (actor) => {
  const { random, taken, isController } = actor;
  if (isController || !once(random, 20)) begin(actor, [...taken.map(() => end), ...recovery, ...beginning, sleep]);
  else sleep(actor);
};
const systemError: Action = ({ guest, random }) => guest.serror(BigInt(random(0x100_0000)));
/** Classes that have actions of their own, or say what cannot be: the vector registers do not trap a second time. */
const OTHERWISE: readonly number[] = [
  exceptionClass.EC_HVC64,
  exceptionClass.EC_SMC64,
  exceptionClass.EC_WFX,
  exceptionClass.EC_FP,
];
/** Any syndrome: classes that exist, that do not, that cannot come from a guest. */
const anySyndrome: Action = ({ guest, random }) => {
  const ec = once(random, 4) ? random(64) : oneOf(random, CLASSES);
  if (OTHERWISE.includes(ec)) return;
  const addresses = { far: anyWord(random), hpfar: (BigInt(random(2 ** 28)) << 4n) & 0xff_ffff_fff0n };
  guest.sync((BigInt(ec) << 26n) | BigInt(random(2 ** 26)), addresses);
};

/** Of a VM that has devices; the turn of one without is over at once. */
const VIRTIO = 16;

/** How often each comes, out of all. */
const weights: readonly (readonly [number, Action])[] = [
  [30, nullCall],
  [6, harmlessCall],
  [4, unknownCall],
  [1, consoleWrite],
  [2, cpuOn],
  [3, ring],
  [1, otherImmediate],
  [1, forbiddenControl],
  [30, identification],
  [6, trappedRegister],
  [6, anyRegister],
  [6, ownRegister],
  [8, generalRegister],
  [2, vectorRegisters],
  [16, distributor],
  [10, redistributor],
  [2, gicControl],
  [3, priorities],
  [2, routes],
  [6, gicAnywhere],
  [16, uartFlags],
  [3, print],
  [5, uart],
  [4, clock],
  [12, memory],
  [4, anywhere],
  [VIRTIO, virtio],
  [1, jump],
  [3, open],
  [1, mask],
  [1, take],
  [1, end],
  [8, takeAndEnd],
  [5, sgi],
  [3, virtualTimer],
  [3, physicalTimer],
  [3, wait],
  [1, systemError],
  [3, anySyndrome],
];
const TABLE = weights.flatMap(([weight, action]) => Array.from({ length: weight }, () => action));
/** An action is done so often in a row, at most. */
const AGAIN = 8;
/** Once in so many choices of what to do a guest ends its life, or runs into its vectors, which may not be there. */
const DEATH = 2500;
const VECTORS = 1250;
/** A controller controls once in so many choices. */
const CONTROLS = 100;

/** Whether the vCPU is in the middle of something. */
export const isBusy = ({ again, plan }: Actor): boolean => again > 0 || plan.length > 0;

/** What the vCPU does next. */
export const act = (actor: Actor): void => {
  const { guest, random, isController } = actor;
  // It has just come to life, for the first time or again.
  if (actor.plan.length === 0 && guest.pc === ENTRY) {
    actor.taken.length = 0;
    actor.again = 0;
    if (actor.vcpu === 0) forgetDevices(actor);
    begin(actor, beginning);
  }
  if (actor.plan.length > 0) {
    const next = actor.plan[actor.planned++];
    if (actor.planned === actor.plan.length) begin(actor, []);
    next?.(actor);
    return;
  }
  if (actor.again > 0) {
    actor.again--;
    actor.action(actor);
    return;
  }
  const chance = random(DEATH);
  if (chance === 0) die(actor);
  else if (chance <= DEATH / VECTORS) vectors(actor);
  else if (isController && chance < DEATH / CONTROLS) control(actor);
  else {
    actor.action = oneOf(random, TABLE);
    actor.again = random(AGAIN);
    actor.action(actor);
  }
};
