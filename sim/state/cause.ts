// Why a guest left its CPU, and what of its general registers EL2 may change in answer to that (Arm ARM D24.2.40 for syndromes, DEN0028 for calls,
// D1.3 for what the CPU does). Everything else is the guest's own and must come back as it was.

import { bundle } from "../../abi/bundle.ts";
import { calls } from "../../abi/calls.ts";
import { exceptionClass as ec } from "../../abi/esr.ts";
import { guest } from "../../abi/guest.ts";
import { virtioMmio } from "../../abi/virtio.ts";

export interface Cause {
  /** ESR_EL2.EC, or one of the two below. */
  exceptionClass: number;
  /** ESR_EL2, its low word: class, IL, ISS. */
  esr: number;
  far: bigint;
  hpfar: bigint;
}

const NO_EXCEPTION = -1;
/** A physical interrupt. */
export const INTERRUPT: Cause = { exceptionClass: NO_EXCEPTION, esr: 0, far: 0n, hpfar: 0n };
/** A physical SError. */
export const SERROR = -2;

/** ESR_EL2.EC of a syndrome's low word. */
export const classOf = (esr: number): number => esr >>> 26;

export const HVC = ec.EC_HVC64;
const { EC_SMC64: SMC, EC_SYSREG: SYSREG, EC_DABT_LOWER: DATA, EC_FP: FP, EC_WFX: WFX } = ec;
const { EC_CP15_32, EC_CP15_64, EC_CP14_32, EC_CP14_LDC, EC_CP14_64, EC_VMRS } = ec;
const COPROCESSOR = new Set<number>([EC_CP15_32, EC_CP15_64, EC_CP14_32, EC_CP14_LDC, EC_CP14_64, EC_VMRS]);

// --- calls

export interface CallRule {
  /** X0 to X<n-1> hold what it returns. */
  readonly results: number;
  /** It does not return; the call may be made again, when the VM was paused meanwhile. */
  readonly ends?: "vcpu" | "vm";
  /** It starts the vCPU that X1 names. */
  readonly starts?: boolean;
  /** It changes the life of the VM that X1 names. */
  readonly controls?: boolean;
  /** The count of the VM that X1 names may go on from elsewhere. */
  readonly resumes?: boolean;
  /** Any of these. */
  readonly isOfLives: boolean;
}

const special: Readonly<Record<string, Omit<CallRule, "isOfLives">>> = {
  PSCI_CPU_OFF: { results: 0, ends: "vcpu" },
  PSCI_SYSTEM_OFF: { results: 0, ends: "vm" },
  PSCI_SYSTEM_RESET: { results: 0, ends: "vm" },
  PSCI_CPU_ON_32: { results: 1, starts: true },
  PSCI_CPU_ON_64: { results: 1, starts: true },
  TRNG_GET_UUID: { results: 4 },
  TRNG_RND_32: { results: 4 },
  TRNG_RND_64: { results: 4 },
  VENDOR_UID: { results: 4 },
  HL_VM_FACT: { results: 2 },
  HL_VCPU_FACT: { results: 2 },
  HL_VM_STATE: { results: 4 },
  HL_VM_NAME: { results: 3 },
  HL_VM_START: { results: 1, controls: true },
  HL_VM_RESET: { results: 1, controls: true },
  HL_VM_STOP: { results: 1, controls: true },
  HL_VM_DESTROY: { results: 1, controls: true },
  HL_VM_CREATE: { results: 1, controls: true },
  HL_VM_RESUME: { results: 1, resumes: true },
};
const withLives = (rule: Omit<CallRule, "isOfLives">): CallRule => ({ ...rule, isOfLives: Object.keys(rule).length > 1 });
export const ORDINARY: CallRule = { results: 1, isOfLives: false };
const RESETS: CallRule = withLives({ results: 1, ends: "vm" });
/** By function identifier as a signed word; those that are not here are ordinary. */
const rules = new Map(
  calls.flatMap(({ name, id }) => {
    if (name.startsWith("PSCI_SYSTEM_RESET2")) return [[id | 0, RESETS] as const];
    const rule = special[name];
    return rule === undefined ? [] : [[id | 0, withLives(rule)] as const];
  }),
);
/** Bit 30 of an identifier: the 64-bit convention. */
const SMC64 = 0x4000_0000;

/** What a call may do, by the low word of X0; `argument`: X1. */
export const ruleOf = (id: number, argument: () => bigint): CallRule => {
  const rule = rules.get(id) ?? ORDINARY;
  if (rule !== RESETS) return rule;
  // A reset of type 0 does not return, others are an error.
  return BigInt.asUintN((id & SMC64) === 0 ? 32 : 64, argument()) === 0n ? rule : ORDINARY;
};

// --- what an exit may change

/** What a vCPU goes on with. */
export interface Change {
  /** The X registers that may differ, one bit each. */
  readonly registers: number;
  /** By how many bytes PC moves. */
  readonly advance: number;
  /** The IT state moves on. */
  readonly advancesIt: boolean;
  /** It may be given an exception instead, whose preferred return address lies so many bytes before PC. */
  readonly exceptionBack: number | undefined;
  /** It must. */
  readonly isRefused: boolean;
}

/** PSTATE.M[4]: AArch32. */
const AARCH32 = 0x10;
/** Bytes of an instruction. */
export const INSTRUCTION = 4;

/** PSTATE behind a 32-bit instruction: the IT state moves on (F1.2.3). */
export const itAdvanced = (pstate: bigint): bigint => {
  const it = Number(((pstate >> 8n) & 0xfcn) | ((pstate >> 25n) & 3n));
  const next = BigInt((it & 7) === 0 ? 0 : (it & 0xe0) | ((it << 1) & 0x1f));
  return (pstate & ~((0x3fn << 10n) | (3n << 25n))) | ((next & 0xfcn) << 8n) | ((next & 3n) << 25n);
};

// These are asked at every exit, so they take plain numbers.

const field = (esr: number, low: number, width: number): number => (esr >>> low) & ((1 << width) - 1);
/** The bit of an X register by number; of XZR none. */
const bitOf = (register: number): number => (register === 31 ? 0 : (1 << register) >>> 0);

/** The immediate of HVC or SMC. */
export const immediateOf = (esr: number): number => esr & 0xffff;

/** A data abort whose syndrome says what a device has to do. */
export const isDeviceAccess = (esr: number): boolean =>
  // ISV; neither cache maintenance nor a walk; a translation fault.
  field(esr, 24, 1) === 1 && field(esr, 7, 2) === 0 && (field(esr, 0, 6) & 0x3c) === 0x04;
export const isWrite = (esr: number): boolean => field(esr, 6, 1) === 1;
/** SAS as bytes, SRT. */
export const bytesOf = (esr: number): number => 1 << field(esr, 22, 2);
export const registerOf = (esr: number): number => field(esr, 16, 5);
/** SF: the register is an X. */
export const isWide = (esr: number): boolean => field(esr, 15, 1) === 1;

/** Rt and direction of a trapped system-register access, and its register: op0, op1, CRn, CRm, op2 in the syndrome's own places. */
export const isSystemRead = (esr: number): boolean => (esr & 1) === 1;
export const systemRt = (esr: number): number => field(esr, 5, 5);
export const systemRegister = (esr: number): number => field(esr, 0, 22) & ~0x3e1;
export const encode = ([op0 = 0, op1 = 0, crn = 0, crm = 0, op2 = 0]: readonly number[]): number =>
  (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (crm << 1);

/** A kick of a virtio device, which is made again while the device has more to do. */
export const isKick = ({ exceptionClass, esr, far, hpfar }: Cause): boolean => {
  if (exceptionClass !== DATA || !isDeviceAccess(esr) || !isWrite(esr)) return false;
  const ipa = Number(hpfar >> 4n) * 4096 + Number(far & 0xfffn) - guest.VIRTIO_BASE;
  const isVirtio = ipa >= 0 && ipa < bundle.MAX_VIRTIO_OF_VM * guest.VIRTIO_STRIDE;
  return isVirtio && ipa % guest.VIRTIO_STRIDE === virtioMmio.VIRTIO_QUEUE_NOTIFY;
};

const SAME: Change = { registers: 0, advance: 0, advancesIt: false, exceptionBack: undefined, isRefused: false };
const REFUSED: Change = { ...SAME, exceptionBack: 0, isRefused: true };
/** HVC with an immediate: the exception is the instruction's, behind which PC is already. */
const REFUSED_HVC: Change = { ...REFUSED, exceptionBack: INSTRUCTION };

/** By how many registers a call returns, and whether PC is at the instruction. */
const CALLED = [0, 1, 2, 3, 4].map((results) =>
  [0, INSTRUCTION].map((advance): Change => ({ ...SAME, registers: (1 << results) - 1, advance })),
);
const called = (rule: CallRule | undefined, isAt: 0 | 1): Change => CALLED[rule?.results ?? 1]![isAt]!;
/** Behind the instruction, which was carried out. */
const skipped = (esr: number, pstate: number, registers: number, may: boolean): Change => {
  const isA32 = (pstate & AARCH32) !== 0;
  return {
    registers,
    advance: isA32 && field(esr, 25, 1) === 0 ? 2 : INSTRUCTION,
    advancesIt: isA32,
    exceptionBack: may ? 0 : undefined,
    isRefused: false,
  };
};

/** What an exit may change, of a vCPU whose PSTATE has this low word, and which made the call of `rule` if it made one. */
export const changeOf = ({ esr, exceptionClass }: Cause, pstate: number, rule: CallRule | undefined): Change => {
  switch (exceptionClass) {
    case NO_EXCEPTION:
    case SERROR:
    case FP:
      return SAME;
    case HVC:
      return immediateOf(esr) === 0 ? called(rule, 0) : REFUSED_HVC;
    case SMC:
      return immediateOf(esr) === 0 ? called(rule, 1) : REFUSED;
    case SYSREG:
      return skipped(esr, pstate, isSystemRead(esr) ? bitOf(systemRt(esr)) : 0, true);
    case DATA:
      if (isDeviceAccess(esr)) return skipped(esr, pstate, isWrite(esr) ? 0 : bitOf(registerOf(esr)), true);
      return field(esr, 8, 1) === 1 ? skipped(esr, pstate, 0, true) : REFUSED;
    case WFX:
      return skipped(esr, pstate, 0, false);
    default:
      return COPROCESSOR.has(exceptionClass) ? skipped(esr, pstate, 0, true) : REFUSED;
  }
};
