// The hello guest prints, translates, takes its interrupts, survives its abort and switches itself off.

import assert from "node:assert/strict";
import { test } from "node:test";
import { variants } from "./cpus.ts";
import { boot } from "./expect.ts";

const TRANSCRIPT = [
  /hello +from a guest of Hyper-LITE \d+\.\d+\.\d+/,
  /machine +VM 0, vCPU 0 of 1/,
  /memory +64 MiB at 0x40000000/,
  /firmware +PSCI 1\.1, device tree at 0x4[0-9a-f]{7}/,
  /hypercall +these words came through the hypervisor/,
  /hypercall +51 bytes written/,
  /mmu +on, 0x4000000000 shows the memory at 0x4[0-9a-f]{7}/,
  /timer +virtual, interrupt 27/,
  /timer +physical, interrupt 30/,
  /abort +0x44000000 is not ours, and we are still here/,
  "hello: done",
];

for (const { title, cpu, el3 } of variants) {
  test(`hello on ${title}`, async () => {
    await using vm = await boot({ system: "examples/hello", cpu, el3, logLevels: { mmu: "debug" } });
    // Behind the hypervisor's own 64 MiB and the pages of stolen time. Blocks of 2 MiB need a root and one table, stolen time two more.
    await vm.expectLog("vm0: RAM at 0x48600000, 4 tables of stage 2");
    for (const line of TRANSCRIPT) await vm.expect(line);
    assert.equal((await vm.end()).halted?.off, true);
  });
}
