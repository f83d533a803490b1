// Linux's own virtio drivers, in a VM: each device does what a user asks of it.

import assert from "node:assert/strict";
import { test } from "node:test";
import type { VmConfig } from "../../tool/config.ts";
import { boot } from "./expect.ts";

/** A VM of Linux with some modules. */
const linux = (modules: readonly string[], vm: Partial<VmConfig> = {}): VmConfig => ({
  name: "linux",
  memory: "128M",
  kernel: { debian: "linux-6.1" },
  initrd: { busybox: { modules: ["virtio_mmio", ...modules] } },
  bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
  ...vm,
});

test("entropy: the kernel takes random bytes from the device", async () => {
  await using vm = await boot({ system: { vms: [linux(["virtio_rng"], { devices: { entropy: true } })] } });
  await vm.expect(" # ");
  vm.send("cat /sys/class/misc/hw_random/rng_current; dd if=/dev/hwrng bs=64 count=64 2>/dev/null | wc -c\n");
  await vm.expect("virtio_rng.0");
  await vm.expect("4096");
  vm.send("dd if=/dev/hwrng bs=1k count=8 2>/dev/null | sort -u | gzip | wc -c\n");
  const [, packed] = await vm.expect(/\n(\d+)\r/);
  assert.ok(Number(packed) > 8000, "random bytes are not compressed");
  vm.send("poweroff -f\n");
  assert.equal((await vm.end()).halted?.off, true);
});
