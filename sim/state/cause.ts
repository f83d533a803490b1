// Why a guest left its CPU, and what of its general registers EL2 may change in answer to that (Arm ARM D24.2.40 for syndromes, DEN0028 for calls,
// D1.3 for what the CPU does). Everything else is the guest's own and must come back as it was.

import { calls } from "../../abi/calls.ts";
import { exceptionClass as ec } from "../../abi/esr.ts";

export interface Cause {
  /** ESR_EL2.EC, or one of the two below. */
  exceptionClass: number;
  esr: bigint;
  far: bigint;
  hpfar: bigint;
}

const NO_EXCEPTION = -1;
/** A physical interrupt. */
export const INTERRUPT: Cause = { exceptionClass: NO_EXCEPTION, esr: 0n, far: 0n, hpfar: 0n };
/** A physical SError. */
export const SERROR = -2;

/** ESR_EL2.EC of a syndrome, in which bits above it may be set. */
export const classOf = (esr: bigint): number => Number((esr >> 26n) & 0x3fn);

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
  readonly pc: bigint;
  readonly pstate: bigint;
  /** It may be given an exception instead, whose preferred return address this is; `only`: it must. */
  readonly exception?: { readonly from: bigint; readonly only: boolean };
}

/** PSTATE.M[4]: AArch32. */
const AARCH32 = 1n << 4n;

/** PSTATE behind a 32-bit instruction: the IT state moves on (F1.2.3). */
const itAdvanced = (pstate: bigint): bigint => {
  const it = Number(((pstate >> 8n) & 0xfcn) | ((pstate >> 25n) & 3n));
  const next = BigInt((it & 7) === 0 ? 0 : (it & 0xe0) | ((it << 1) & 0x1f));
  return (pstate & ~((0x3fn << 10n) | (3n << 25n))) | ((next & 0xfcn) << 8n) | ((next & 3n) << 25n);
};

const u64 = (value: bigint): bigint => BigInt.asUintN(64, value);
const field = (esr: bigint, low: number, width: number): number => Number((esr >> BigInt(low)) & ((1n << BigInt(width)) - 1n));
/** The bit of an X register by number; of XZR none. */
const bitOf = (register: number): number => (register === 31 ? 0 : 2 ** register);

/** The immediate of HVC or SMC. Asked for at every call, so by the cheapest of ways. */
export const immediateOf = (esr: bigint): number => Number(esr & 0xffffn);

/** A data abort whose syndrome says what a device has to do. */
export const isDeviceAccess = (esr: bigint): boolean =>
  // ISV; neither cache maintenance nor a walk; a translation fault.
  field(esr, 24, 1) === 1 && field(esr, 7, 2) === 0 && (field(esr, 0, 6) & 0x3c) === 0x04;
export const isWrite = (esr: bigint): boolean => field(esr, 6, 1) === 1;
/** SAS as bytes, SRT. */
export const bytesOf = (esr: bigint): number => 2 ** field(esr, 22, 2);
export const registerOf = (esr: bigint): number => field(esr, 16, 5);
/** SF: the register is an X. */
export const isWide = (esr: bigint): boolean => field(esr, 15, 1) === 1;

/** Rt and direction of a trapped system-register access, and its register: op0, op1, CRn, CRm, op2 in the syndrome's own places. */
export const isSystemRead = (esr: bigint): boolean => (esr & 1n) === 1n;
export const systemRt = (esr: bigint): number => field(esr, 5, 5);
export const systemRegister = (esr: bigint): number => field(esr, 0, 22) & ~0x3e1;
export const encode = ([op0 = 0, op1 = 0, crn = 0, crm = 0, op2 = 0]: readonly number[]): number =>
  (op0 << 20) | (op2 << 17) | (op1 << 14) | (crn << 10) | (crm << 1);

/** What an exit may change, of a vCPU that had `pc` and `pstate`, and made the call of `rule` if it made one. */
export const changeOf = (cause: Cause, pc: bigint, pstate: bigint, rule: CallRule | undefined): Change => {
  const { esr, exceptionClass } = cause;
  const same = { registers: 0, pc, pstate };
  const exception = (from: bigint, only: boolean): { from: bigint; only: boolean } => ({ from: u64(from), only });
  const skipped = (registers: number, may: boolean): Change => ({
    registers,
    pc: u64(pc + ((pstate & AARCH32) !== 0n && field(esr, 25, 1) === 0 ? 2n : 4n)),
    pstate: (pstate & AARCH32) === 0n ? pstate : itAdvanced(pstate),
    ...(may && { exception: exception(pc, false) }),
  });
  const refused = { ...same, exception: exception(pc, true) };
  switch (exceptionClass) {
    case NO_EXCEPTION:
    case SERROR:
    case FP:
      return same;
    case HVC:
      if (immediateOf(esr) !== 0) return { ...same, exception: exception(pc - 4n, true) };
      return { ...same, registers: 2 ** (rule?.results ?? 1) - 1 };
    case SMC:
      if (immediateOf(esr) !== 0) return refused;
      return { ...same, registers: 2 ** (rule?.results ?? 1) - 1, pc: u64(pc + 4n) };
    case SYSREG:
      return skipped(isSystemRead(esr) ? bitOf(systemRt(esr)) : 0, true);
    case DATA:
      if (isDeviceAccess(esr)) return skipped(isWrite(esr) ? 0 : bitOf(registerOf(esr)), true);
      return field(esr, 8, 1) === 1 ? skipped(0, true) : refused;
    case WFX:
      return skipped(0, false);
    default:
      return COPROCESSOR.has(exceptionClass) ? skipped(0, true) : refused;
  }
};
