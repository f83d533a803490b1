// What stays behind at EL3 answers PSCI as DEN0022 says: a program in the image's place makes the calls.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { layout } from "../../abi/layout.ts";
import { virtBoard } from "../../abi/virt-board.ts";
import { BUILD } from "../../tool/paths.ts";

const folder = mkdtempSync(join(tmpdir(), "hyper-lite-el3-"));
after(() => rmSync(folder, { recursive: true }));

/** The ROM with another program where its image is. */
const romWith = (source: string): string => {
  const [elf, raw, rom] = ["program.elf", "program.bin", "program.rom"].map((name) => join(folder, name)) as [
    string,
    string,
    string,
  ];
  const base = virtBoard.VIRT_RAM + layout.IMAGE_OFFSET;
  execFileSync("aarch64-linux-gnu-gcc", [
    ...["-O2", "-ffreestanding", "-fno-pie", "-mgeneral-regs-only", "-mstrict-align", "-Wall", "-Wextra", "-Werror"],
    ...["-nostdlib", "-static", `-Wl,--build-id=none,--section-start=.head=0x${base.toString(16)}`],
    ...[`-Wl,-Ttext=0x${(base + 0x100).toString(16)},-e,0`, source, "-o", elf],
  ]);
  execFileSync("aarch64-linux-gnu-objcopy", ["-O", "binary", elf, raw]);
  const symbols = execFileSync("aarch64-linux-gnu-nm", [join(BUILD, "rom.elf")], { encoding: "utf8" });
  const at = Number.parseInt(/^(\w+) . image$/m.exec(symbols)![1]!, 16);
  const whole = readFileSync(join(BUILD, "hyper-lite.rom"));
  const program = readFileSync(raw);
  assert.ok(at + program.length <= whole.length);
  program.copy(whole, at);
  writeFileSync(rom, whole);
  return rom;
};

const number = (value: number | bigint): string => BigInt.asUintN(64, BigInt(value)).toString(16).padStart(16, "0");

const second = (context: bigint): string[] => [
  `second CPU ${number(1)}`,
  `its context ${number(context)}`,
  `its level and masks ${number(0x3c8)}`,
  `its SCTLR ${number(0x30c50830)}`,
  `CPU_ON ${number(0)}`,
  `CPU_ON again ${number(-4)}`,
  `AFFINITY_INFO ${number(0)}`,
  `AFFINITY_INFO behind CPU_OFF ${number(1)}`,
];

test("PSCI by SMC from EL2", () => {
  const { stdout, status } = spawnSync(
    "qemu-system-aarch64",
    [
      ...["-machine", "virt,gic-version=3,secure=on,virtualization=on", "-cpu", "cortex-a57,cntfrq=12345678", "-smp", "3"],
      ...["-m", "64M", "-nic", "none", "-display", "none", "-monitor", "none", "-serial", "stdio"],
      ...["-bios", romWith(join(import.meta.dirname, "el3-psci.c"))],
    ],
    { encoding: "utf8", timeout: 30_000, input: "" },
  );
  assert.deepEqual(stdout.split("\n"), [
    `tree ${number(0xedfe0dd0)}`,
    `flags ${number(1)}`,
    `level and masks ${number(0x3c8)}`,
    `frequency ${number(12345678)}`,
    `PSCI_VERSION ${number(0x10001)}`,
    `SMCCC_VERSION ${number(0x10001)}`,
    `MIGRATE_INFO_TYPE ${number(2)}`,
    `FEATURES of CPU_ON ${number(0)}`,
    `FEATURES of nothing ${number(-1)}`,
    `an unknown call ${number(-1)}`,
    `registers changed ${number(0)}`,
    `registers changed ${number(0)}`,
    `CPU_SUSPEND to power-down ${number(-2)}`,
    `AFFINITY_INFO of itself ${number(0)}`,
    `AFFINITY_INFO of the second ${number(1)}`,
    `AFFINITY_INFO of a cluster ${number(-2)}`,
    `AFFINITY_INFO of nobody ${number(-2)}`,
    `CPU_ON of nobody ${number(-2)}`,
    `CPU_ON of no MPIDR ${number(-2)}`,
    `CPU_ON of itself ${number(-4)}`,
    ...second(0x123456789abcdef0n),
    // the 32-bit convention
    ...second(0x9abcdef0n),
    // left on, for the reset
    ...second(0n).slice(0, 4),
    `behind SYSTEM_RESET, AFFINITY_INFO of the second ${number(1)}`,
    "",
  ]);
  assert.equal(status, 0);
});
