// A crowd: 32 Linux VMs of 64 MiB share two CPUs. All start from one kernel and one initial RAM disk, which the bundle holds once.
// Linux is told to take no long wait for a fault of its own: while all boot, each has a sixteenth of a CPU.
// Type Ctrl-A and a digit for one of the first nine, Ctrl-A n and p for the next and the one before.

import { defineSystem } from "../../tool/config.ts";

const VMS = 32;

export default defineSystem({
  board: { cpus: 2, memory: "2304M" },
  vms: Array.from({ length: VMS }, (_, index) => ({
    name: `vm${index + 1}`,
    memory: "64M",
    kernel: { debian: "linux-6.1" },
    initrd: { busybox: true },
    bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0 nowatchdog rcupdate.rcu_cpu_stall_suppress=1",
  })),
});
