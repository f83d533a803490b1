// A board or a bundle that the hypervisor cannot use: one clear reason on the last line, and the board switches off. Never a hang.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../tool/paths.ts";
import { MIB } from "../../tool/size.ts";
import { buildSystem } from "../../tool/system.ts";
import { type BootOptions, boot } from "./expect.ts";

const { bundle } = await buildSystem(join(ROOT, "examples/u-boot"));
const changed = (offset: number, value: number): Buffer => {
  const copy = Buffer.from(bundle);
  copy.writeUInt32BE(value, offset);
  return copy;
};

const cases: readonly [title: string, options: BootOptions, reason: RegExp][] = [
  ["no bundle", {}, /bundle/],
  ["a bundle that is none", { bundle: Buffer.from("not a bundle") }, /bundle/],
  ["a bundle cut behind its manifest", { bundle: bundle.subarray(0, 0x1000) }, /bundle/],
  ["a bundle cut in its manifest", { bundle: bundle.subarray(0, 200) }, /bundle/],
  ["a bundle cut by one byte", { bundle: bundle.subarray(0, -1) }, /bundle/],
  ["a manifest with a wrong size", { bundle: changed(4, 0xffff_ffff) }, /bundle/],
  ["a manifest with nonsense for structure", { bundle: changed(56, 0xdead_beef) }, /bundle/],
  ["too little RAM", { bundle, memory: 100 * MIB }, /RAM|memory/],
  ["a GICv2 board", { bundle, qemuArgs: ["-machine", "gic-version=2"] }, /GICv2/],
  ["a board that starts below EL2", { bundle, qemuArgs: ["-machine", "virtualization=off"] }, /not entered at EL2/],
];

for (const [title, options, reason] of cases) {
  test(title, async () => {
    await using vm = await boot(options);
    const { halted, output } = await vm.end();
    assert.equal(halted?.off, false);
    assert.match(halted.reason, reason);
    assert.equal(output, "");
  });
}
