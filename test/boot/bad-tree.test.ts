// A device tree that the hypervisor cannot use: one clear reason on the last line, and the board switches off. Never a hang. A few
// instructions in the kernel's place enter the image with a tree of the test's choice.

import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { layout } from "../../abi/layout.ts";
import { virtBoard } from "../../abi/virt-board.ts";
import { hypervisor } from "../../tool/paths.ts";
import { boot } from "./expect.ts";

const folder = mkdtempSync(join(tmpdir(), "hyper-lite-tree-"));
after(() => rmSync(folder, { recursive: true }));

const file = (name: string, bytes: Buffer | string): string => {
  writeFileSync(join(folder, name), bytes);
  return join(folder, name);
};

const IMAGE = virtBoard.VIRT_RAM + layout.IMAGE_OFFSET;
const TREE = 0x6000_0000;
const mov = (register: number, address: number): number => 0xd2a0_0000 | ((address >>> 16) << 5) | register; // movz, lsl #16
const stub = (tree: number): Buffer => {
  const words = [mov(0, tree), mov(4, IMAGE), 0xd61f_0080]; // br x4
  return Buffer.from(Uint32Array.from(words).buffer);
};

const dumped = file("board.dtb", "");
const machine = ["-machine", `virt,gic-version=3,virtualization=on,dumpdtb=${dumped}`, "-cpu", "cortex-a57"];
execFileSync("qemu-system-aarch64", [...machine, "-m", "1G", "-nic", "none", "-display", "none"], { stdio: "ignore" });
const board = readFileSync(dumped);
const source = execFileSync("dtc", ["-q", "-I", "dtb", "-O", "dts", dumped], { encoding: "utf8" });

/** The board's tree with a part of its source replaced. */
const edited = (pattern: RegExp, text: string): Buffer => {
  const changed = source.replace(pattern, text);
  assert.notEqual(changed, source);
  const { stdout, status, stderr } = spawnSync("dtc", ["-q", "-f", "-I", "dts", "-O", "dtb"], { input: changed });
  assert.equal(status, 0, String(stderr));
  return stdout;
};

/** The board's tree with 32-bit numbers changed: offset → value. */
const patched = (words: Readonly<Record<number, number>>): Buffer => {
  const copy = Buffer.from(board);
  for (const [offset, value] of Object.entries(words)) copy.writeUInt32BE(value, Number(offset));
  return copy;
};
const structure = board.readUInt32BE(8);

const cases: readonly [title: string, tree: Buffer, reason: RegExp][] = [
  ["zeros", Buffer.alloc(4096), /^the device tree at 0x60000000 is malformed/],
  ["noise", Buffer.from(Uint8Array.from({ length: 4096 }, (_, n) => (n * 167 + 13) ^ (n >> 5))), /malformed/],
  ["a size of 4 GiB", patched({ 4: 0xffff_fff0 }), /malformed/],
  ["a size of nothing", patched({ 4: 0 }), /malformed/],
  ["a structure outside", patched({ 8: 0x7fff_fff0 }), /malformed/],
  ["strings outside", patched({ 12: 0xffff_ff00 }), /malformed/],
  ["a structure that starts with nonsense", patched({ [structure]: 0xdead_beef }), /malformed/],
  ["a structure that ends early", patched({ [structure + 8]: 9 }), /malformed/],
  ["no RAM", edited(/(memory@40000000 \{[^}]*device_type = )"memory"/, '$1"store"'), /no RAM/],
  ["RAM that is disabled", edited(/memory@40000000 \{/, '$& status = "disabled";'), /no RAM/],
  ["RAM elsewhere", edited(/(memory@40000000 \{[^}]*reg = )<[^>]*>/, "$1<0 0x80000000 0 0x40000000>"), /first 64 MiB of RAM/],
  ["half a GIC", edited(/(reg = <0x00 0x8000000 0x00 0x10000)[^>]*>/, "$1>"), /GICv3/],
  ["no GIC", edited(/"arm,gic-v3"/, '"something,else"'), /GICv3/],
  ["no timer", edited(/"arm,armv8-timer(\\0arm,armv7-timer)?"/, '"something,else"'), /timer/],
  [
    "no redistributor of this CPU",
    edited(/(reg = <0x00 0x8000000 0x00 0x10000 0x00) 0x80a0000/, "$1 0x8100000"),
    /redistributor|EL2/,
  ],
];

for (const [title, tree, reason] of cases) {
  test(title, async () => {
    await using vm = await boot({
      qemuArgs: [
        ...["-kernel", file("stub", stub(TREE))],
        ...["-device", `loader,file=${hypervisor.image},addr=${IMAGE},force-raw=on`],
        ...["-device", `loader,file=${file("tree", tree)},addr=${TREE},force-raw=on`],
      ],
    });
    const { halted, output, qemu } = await vm.end();
    assert.equal(halted?.off, false);
    assert.match(halted.reason, reason);
    assert.deepEqual([output, qemu.status], ["", 0]);
  });
}

for (const tree of [0, 0xf000_0000]) {
  test(`a tree at 0x${tree.toString(16)}`, async () => {
    await using vm = await boot({
      qemuArgs: ["-kernel", file("stub", stub(tree)), "-device", `loader,file=${hypervisor.image},addr=${IMAGE},force-raw=on`],
    });
    const { halted } = await vm.end();
    assert.equal(halted?.off, false);
    assert.match(halted.reason, /device tree|EL2/);
  });
}
