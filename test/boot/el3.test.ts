// Started at EL3 from the ROM: CPUs that nobody needs stay out of the way, and what is missing or breaks is said in one line.
// (linux.test.ts and u-boot.test.ts start from EL3 on every CPU model.)

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { BUILD, hypervisor, ROOT } from "../../tool/paths.ts";
import { buildSystem } from "../../tool/system.ts";
import { type BootOptions, boot } from "./expect.ts";

const { bundle } = await buildSystem(join(ROOT, "examples/u-boot"));
const folder = mkdtempSync(join(tmpdir(), "hyper-lite-el3-"));
after(() => rmSync(folder, { recursive: true }));

for (const icount of [false, true]) {
  test(`three idle CPUs${icount ? ", counted instructions" : ""}`, async () => {
    await using vm = await boot({ bundle, el3: true, icount, qemuArgs: ["-smp", "4"] });
    await vm.expect(/Hit any key to stop autoboot/);
    vm.send("\n");
    await vm.expect("=> ");
    vm.send("poweroff\n");
    assert.equal((await vm.end()).halted?.off, true);
  });
}

/** The ROM with a breakpoint where it would drop to EL2. */
const brokenRom = (): string => {
  const symbols = execFileSync("aarch64-linux-gnu-nm", [join(BUILD, "rom.elf")], { encoding: "utf8" });
  const rom = readFileSync(hypervisor.rom);
  rom.writeUInt32LE(0xd420_0020, Number.parseInt(/^(\w+) . drop$/m.exec(symbols)![1]!, 16)); // brk #1
  const file = join(folder, "broken.rom");
  writeFileSync(file, rom);
  return file;
};

const cases: readonly [title: string, options: BootOptions, reason: RegExp][] = [
  ["no bundle", {}, /^no bundle at 0x48000000/],
  ["a bundle that is none", { bundle: Buffer.from("not a bundle") }, /^no bundle at 0x48000000/],
  ["a bundle cut by one byte", { bundle: bundle.subarray(0, -1) }, /^the bundle is truncated/],
  ["a bundle cut behind its manifest", { bundle: bundle.subarray(0, 0x1000) }, /^the bundle is truncated/],
  ["too little RAM", { qemuArgs: ["-m", "64M"] }, /^too little RAM: the board has 64 MiB/],
  [
    "an exception at EL3",
    { qemuArgs: ["-bios", brokenRom()] },
    /^an exception at EL3: vector 0{15}4, ESR 0{8}f2000001, ELR 0{13}\w{3}, /,
  ],
];

for (const [title, options, reason] of cases) {
  test(title, async () => {
    await using vm = await boot({ ...options, el3: true });
    const { halted, output, qemu } = await vm.end();
    assert.equal(halted?.off, false);
    assert.match(halted.reason, reason);
    assert.equal(output, "");
    assert.equal(qemu.status, 0);
  });
}
