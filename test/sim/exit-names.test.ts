// Exits in words: what a list or a trace shows of each kind.

import assert from "node:assert/strict";
import { test } from "node:test";
import { esrFields, exceptionClass } from "../../abi/esr.ts";
import { type ExitFacts, exitName, placeName } from "../../sim/exit-names.ts";

const RECORD = 0x2_0000n;
const syndrome = (ec: number, iss = 0): bigint => (BigInt(ec) << 26n) | BigInt(iss);
const sync = (ec: number, iss = 0, registers: readonly bigint[] = [], facts: Partial<ExitFacts> = {}): string =>
  exitName({ entry: "onSync", args: [RECORD, syndrome(ec, iss)], register: (n) => registers[n] ?? 0n, ...facts });
const { EC_DABT_LOWER, EC_FP, EC_HVC64, EC_IABT_LOWER, EC_SMC64, EC_SYSREG, EC_WFX } = exceptionClass;

test("calls have their names and as many arguments as they take", () => {
  assert.equal(sync(EC_HVC64, 0, [0xc400_0003n, 1n, 0x4020_0000n, 7n, 9n]), "HVC PSCI_CPU_ON_64(0x1, 0x40200000, 0x7)");
  assert.equal(sync(EC_SMC64, 0, [0x8400_0000n]), "SMC PSCI_VERSION()");
  assert.equal(sync(EC_HVC64, 0, [0xffff_ffff_c600_0011n, 3n]), "HVC HL_VM_STATE(0x3)");
  assert.equal(sync(EC_HVC64, 0, [0x8700_0000n]), "HVC of no call, 0x87000000");
  assert.equal(sync(EC_HVC64, 5), "HVC #5");
});

test("system registers have theirs, and what is written", () => {
  const rt = (n: number): number => n << 5;
  const counter = (3 << 20) | (1 << 17) | (3 << 14) | (14 << 10);
  assert.equal(sync(EC_SYSREG, counter | 1), "MRS CNTPCT_EL0");
  const sgi = (3 << 20) | (5 << 17) | (12 << 10) | (11 << 1);
  assert.equal(sync(EC_SYSREG, sgi | rt(3), [0n, 0n, 0n, 0x81n]), "MSR ICC_SGI1R_EL1 = 0x81");
  assert.equal(sync(EC_SYSREG, sgi | rt(31)), "MSR ICC_SGI1R_EL1 = 0x0");
  assert.equal(sync(EC_SYSREG, (3 << 20) | (4 << 1) | 1), "MRS ID_AA64PFR0_EL1");
  assert.equal(sync(EC_SYSREG, (3 << 20) | (7 << 17) | (9 << 10) | (12 << 1) | 1), "MRS S3_0_C9_C12_7");
});

test("an access to a device names the register, a write its value", () => {
  const byte = esrFields.ISS_ISV | (2 << esrFields.ISS_SRT_SHIFT) | esrFields.ISS_WNR;
  const registers = [0n, 0n, 0x168n];
  assert.equal(sync(EC_DABT_LOWER, byte, registers, { ipa: 0x0900_0000n }), "writes UART_DR = 0x68");
  assert.equal(sync(EC_DABT_LOWER, esrFields.ISS_ISV, [], { ipa: 0x0800_0104n }), "reads GICD_ISENABLER1");
  assert.equal(sync(EC_DABT_LOWER, 0, [], { ipa: 0x0900_0018n }), "data abort without a syndrome at UART_FR");
  assert.equal(sync(EC_DABT_LOWER, esrFields.ISS_CM, [], { ipa: 0x9000n }), "cache maintenance of 0x9000");
  assert.equal(sync(EC_DABT_LOWER, esrFields.ISS_S1PTW, [], { ipa: 0x9000n }), "data abort on a walk at 0x9000");
  assert.equal(sync(EC_IABT_LOWER, 0, [], { ipa: 0x0901_0000n }), "fetches from RTC_DR");
});

test("places of the guest machine", () => {
  const names = [0x0800_0000n, 0x0800_6108n, 0x0800_fff8n, 0x080a_0014n, 0x080d_0080n, 0x080d_8000n, 0x0901_000cn, 0x1234n];
  assert.deepEqual(names.map(placeName), [
    "GICD_CTLR",
    "GICD_IROUTER33",
    "GICD+0xfff8",
    "GICR_WAKER of vCPU 0",
    "GICR_IGROUPR0 of vCPU 1",
    "GICR+0x18000 of vCPU 1",
    "RTC_CR",
    "0x1234",
  ]);
});

test("interrupts, and what is none of a guest's doing", () => {
  const irq = (entry: string, intids: readonly bigint[]): string => exitName({ entry, args: [], register: () => 0n, intids });
  assert.equal(irq("onIrq", [27n, 1023n]), "IRQ 27");
  assert.equal(irq("onIrq", [0n, 1n, 2n, 3n, 4n]), "IRQ 0, 1, 2, 3, …");
  assert.equal(irq("onIdle", [1023n]), "idle, none pending");
  assert.equal(sync(EC_WFX), "WFI");
  assert.equal(sync(EC_FP), "first use of the vector registers");
  assert.equal(sync(0x3f, 1), "exception class 0x3f, syndrome 0xfc000001");
  assert.equal(exitName({ entry: "bootCpu", args: [2n], register: () => 0n }), "starts as CPU 2");
});
