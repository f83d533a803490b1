// Two Debian Linux VMs of two vCPUs each share two CPUs, with a busybox shell on either console: what `./run_hypervisor.sh` starts.
// Neither sees anything of the other; whichever is reset, stopped or crashes, the other runs on.

import { defineSystem } from "../../tool/config.ts";

const linux = (name: string) =>
  ({
    name,
    memory: "128M",
    vcpus: 2,
    kernel: { debian: "linux-6.1" },
    initrd: { busybox: true },
    bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
  }) as const;

export default defineSystem({
  board: { cpus: 2 },
  vms: [linux("one"), linux("two")],
});
