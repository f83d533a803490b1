// All CPUs of a board take part, from EL2 and from EL3, and one that does not start is told and left out. A VM that computes with as many vCPUs as there
// should be CPUs shows it: none of them waits.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { type BootOptions, boot, type End } from "./expect.ts";

const folder = mkdtempSync(join(tmpdir(), "hyper-lite-cpus-"));
after(() => rmSync(folder, { recursive: true }));

/** With one CPU too few, the vCPUs would wait for a second in all. */
const WAITS_US = 500_000;

/** One vCPU of a VM for each CPU that should be there: each computes for one second, and waits for nobody. */
const compute = async (vcpus: number, options: BootOptions): Promise<End> => {
  const vms = [{ name: "spinner", memory: "16M", vcpus, kernel: "spinner.bin", bootargs: "lead=1 seconds=1" }];
  await using vm = await boot({ system: { name: "cpus", vms }, ...options });
  const end = await vm.end();
  const waited = [...end.output.matchAll(/CPU \d ran for \d+ us, waited for (\d+) us/g)].map(([, us]) => Number(us));
  assert.equal(waited.length, vcpus, end.output);
  const all = waited.reduce((sum, us) => sum + us, 0);
  assert.ok(all < WAITS_US, `waited for ${waited}`);
  assert.equal(end.halted?.off, true);
  return end;
};

for (const el3 of [false, true]) {
  test(`eight CPUs, from EL${el3 ? 3 : 2}`, async () => {
    const { logs } = await compute(8, { cpus: 8, el3 });
    assert.deepEqual(
      logs.filter((line) => !/^<[67]>/.test(line)),
      [],
    );
  });
}

/** The tree of a board with three CPUs, of which the second has an affinity that no CPU has. */
const treeWithGhost = (): string => {
  const dumped = join(folder, "board.dtb");
  const machine = ["-machine", `virt,gic-version=3,virtualization=on,dumpdtb=${dumped}`, "-cpu", "cortex-a57", "-smp", "3"];
  execFileSync("qemu-system-aarch64", [...machine, "-m", "1G", "-nic", "none", "-display", "none"], { stdio: "ignore" });
  execFileSync("fdtput", ["-t", "x", dumped, "/cpus/cpu@1", "reg", "7"]);
  return dumped;
};

test("a CPU that does not start is left out", async () => {
  const { logs } = await compute(2, { cpus: 3, qemuArgs: ["-dtb", treeWithGhost()] });
  const errors = logs.filter((line) => /^<[0-3]>/.test(line));
  assert.equal(errors.length, 1, errors.join("\n"));
  assert.match(errors[0]!, /the CPU with affinity 0x7 does not start \(PSCI: 0xfffffffffffffffe\)/);
});
