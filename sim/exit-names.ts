// An exit of a guest in words, for lists and traces: "HVC PSCI_CPU_ON_64(0x1, 0x40200000, 0x0)", "writes UART_DR = 0x68", "IRQ 27". Names are those of
// abi/, syndromes as Arm ARM D24.2.40 has them.

import { calls } from "../abi/calls.ts";
import { esrFields, exceptionClass } from "../abi/esr.ts";
import { gicd, gicr } from "../abi/gic.ts";
import { guest } from "../abi/guest.ts";
import { pl011 } from "../abi/pl011.ts";
import { pl031 } from "../abi/pl031.ts";
import { idRegisters, trappedRegisters } from "../abi/sysregs.ts";
import { bits, hex } from "./words.ts";

/** What is known of an exit: the core's entry (src/main.ts) and its arguments, and what the core has been told since, as far as it was. */
export interface ExitFacts {
  readonly entry: string;
  readonly args: readonly bigint[];
  /** A general register of the guest at the exit. */
  readonly register: (number: number) => bigint;
  /** The IPA of an abort, from HPFAR_EL2 and FAR_EL2. */
  readonly ipa?: bigint | undefined;
  /** The interrupts that were acknowledged. */
  readonly intids?: readonly bigint[] | undefined;
}

const MAX_LISTED = 4;
/** XZR, where a syndrome names a register. */
const ZERO = 31;

const list = (values: readonly bigint[]): string => values.map((value) => hex(value)).join(", ");

// --- registers of devices

/** Registers that are rows of words, and the bytes of one. */
const GIC_ROWS = [
  ..."IGROUPR ISENABLER ICENABLER ISPENDR ICPENDR ISACTIVER ICACTIVER"
    .split(" ")
    .map((name) => ({ name, stride: 4, bytes: 0x80 })),
  { name: "IPRIORITYR", stride: 4, bytes: 0x400 },
  { name: "ITARGETSR", stride: 4, bytes: 0x400 },
  { name: "ICFGR", stride: 4, bytes: 0x100 },
  { name: "IGRPMODR", stride: 4, bytes: 0x100 },
  { name: "IROUTER", stride: 8, bytes: 0x2000 },
];

/** Offsets of single registers: the constants of a device that are no bits, for those have longer names. */
const single = (device: Readonly<Record<string, number>>, prefix: RegExp): Map<number, string> =>
  new Map(Object.entries(device).flatMap(([name, offset]) => (prefix.test(name) ? [[offset, name] as const] : [])));

const gicdNames = single(gicd, /^GICD_[A-Z]+\d?$/);
const gicrNames = single(gicr, /^GICR_(CTLR|IIDR|TYPER|STATUSR|WAKER|PIDR2)$/);
const uartNames = single(pl011, /^UART_/);
const rtcNames = single(pl031, /^RTC_/);

const row = (prefix: string, offset: number): string | undefined => {
  for (const { name, stride, bytes } of GIC_ROWS) {
    const at = offset - gicd[`GICD_${name}` as keyof typeof gicd];
    if (at >= 0 && at < bytes) return `${prefix}_${name}${Math.floor(at / stride)}`;
  }
  return undefined;
};

const redistributor = (offset: number): string => {
  const inFrame = offset % guest.GICR_STRIDE;
  const name =
    inFrame >= gicr.GICR_SGI_FRAME
      ? row("GICR", inFrame - gicr.GICR_SGI_FRAME)
      : (gicrNames.get(inFrame) ?? `GICR+${hex(inFrame)}`);
  return `${name ?? `GICR+${hex(inFrame)}`} of vCPU ${Math.floor(offset / guest.GICR_STRIDE)}`;
};

const GICR_END = guest.UART_BASE;

/** The register of the guest machine at an IPA, or the IPA itself. */
export const placeName = (ipa: bigint): string => {
  const at = Number(ipa);
  const within = (base: number, end: number): boolean => at >= base && at < end;
  if (within(guest.GICD_BASE, guest.GICD_BASE + guest.GICD_SIZE)) {
    const offset = at - guest.GICD_BASE;
    return row("GICD", offset) ?? gicdNames.get(offset) ?? `GICD+${hex(offset)}`;
  }
  if (within(guest.GICR_BASE, GICR_END)) return redistributor(at - guest.GICR_BASE);
  if (within(guest.UART_BASE, guest.UART_BASE + guest.UART_SIZE))
    return uartNames.get(at - guest.UART_BASE) ?? `UART+${hex(at - guest.UART_BASE)}`;
  if (within(guest.RTC_BASE, guest.RTC_BASE + guest.RTC_SIZE))
    return rtcNames.get(at - guest.RTC_BASE) ?? `RTC+${hex(at - guest.RTC_BASE)}`;
  return hex(ipa);
};

// --- synchronous exceptions

const registerNames = new Map<string, string>([
  ...idRegisters.map(({ name, crm, op2 }) => [[3, 0, 0, crm, op2].join(), name] as const),
  ...Object.entries(trappedRegisters).map(([name, encoding]) => [encoding.join(), name] as const),
]);

/** MRS and MSR: op0, op2, op1, CRn, Rt, CRm, direction. */
const systemRegister = (iss: bigint, register: ExitFacts["register"]): string => {
  const field = (high: number, low: number): number => bits(iss, high, low);
  const [op0, op2, op1, crn, crm] = [field(21, 20), field(19, 17), field(16, 14), field(13, 10), field(4, 1)];
  const name = registerNames.get([op0, op1, crn, crm, op2].join()) ?? `S${op0}_${op1}_C${crn}_C${crm}_${op2}`;
  const rt = field(9, 5);
  if (field(0, 0) === 1) return `MRS ${name}`;
  return `MSR ${name} = ${hex(rt === ZERO ? 0n : register(rt))}`;
};

const callName = (instruction: string, register: ExitFacts["register"]): string => {
  const id = BigInt.asUintN(32, register(0));
  const call = calls.find((one) => BigInt(one.id) === id);
  if (call === undefined) return `${instruction} of no call, ${hex(id)}`;
  const count = call.args === "" ? 0 : call.args.replaceAll(/\([^)]*\)/g, "").split(",").length;
  return `${instruction} ${call.name}(${list(Array.from({ length: count }, (_, n) => register(n + 1)))})`;
};

const dataAbort = (iss: bigint, { register, ipa }: ExitFacts): string => {
  const place = ipa === undefined ? "an address" : placeName(ipa);
  const has = (bit: number): boolean => (iss & BigInt(bit)) !== 0n;
  if (has(esrFields.ISS_S1PTW)) return `data abort on a walk at ${place}`;
  if (has(esrFields.ISS_CM)) return `cache maintenance of ${place}`;
  if (!has(esrFields.ISS_ISV)) return `data abort without a syndrome at ${place}`;
  if (!has(esrFields.ISS_WNR)) return `reads ${place}`;
  const [size, rt] = [bits(iss, 23, 22), bits(iss, 20, 16)];
  return `writes ${place} = ${hex(BigInt.asUintN(8 << size, rt === ZERO ? 0n : register(rt)))}`;
};

const classNames = new Map(Object.entries(exceptionClass).map(([name, number]) => [number, name]));

/** What a syndrome (ESR_EL2) says. */
const synchronous = (esr: bigint, facts: ExitFacts): string => {
  const iss = esr & BigInt(esrFields.ESR_ISS_MASK);
  const ec = bits(esr, 31, esrFields.ESR_EC_SHIFT);
  const immediate = bits(iss, 15, 0);
  switch (ec) {
    case exceptionClass.EC_HVC64:
      return immediate === 0 ? callName("HVC", facts.register) : `HVC #${immediate}`;
    case exceptionClass.EC_SMC64:
      return immediate === 0 ? callName("SMC", facts.register) : `SMC #${immediate}`;
    case exceptionClass.EC_SYSREG:
      return systemRegister(iss, facts.register);
    case exceptionClass.EC_DABT_LOWER:
      return dataAbort(iss, facts);
    case exceptionClass.EC_IABT_LOWER:
      return `fetches from ${facts.ipa === undefined ? "an address" : placeName(facts.ipa)}`;
    case exceptionClass.EC_WFX:
      return (iss & 1n) === 0n ? "WFI" : "WFE";
    case exceptionClass.EC_FP:
      return "first use of the vector registers";
    default:
      return `${classNames.get(ec) ?? `exception class ${hex(ec)}`}, syndrome ${hex(esr)}`;
  }
};

// --- all

const interrupts = (facts: ExitFacts, otherwise: string): string => {
  const taken = (facts.intids ?? []).filter((intid) => intid < 1020n);
  if (taken.length === 0) return otherwise;
  return `IRQ ${taken.slice(0, MAX_LISTED).join(", ")}${taken.length > MAX_LISTED ? ", …" : ""}`;
};

/** What an exit was. */
export const exitName = (facts: ExitFacts): string => {
  const last = facts.args.at(-1) ?? 0n;
  switch (facts.entry) {
    case "onSync":
      return synchronous(last, facts);
    case "onIrq":
      return interrupts(facts, "IRQ, none pending");
    case "onIdle":
      return `idle, ${interrupts(facts, "none pending")}`;
    case "onSError":
      return `SError, syndrome ${hex(last)}`;
    case "onCrash":
      return `exception at EL2, vector ${last}`;
    case "bootCpu":
      return `starts as CPU ${last}`;
    default:
      return facts.entry;
  }
};
