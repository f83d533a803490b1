// Disks: a Linux VM keeps files on a slice of the board's disk, which are there in the next run; two others run from one root file system
// that none of them can write to. QEMU's board has its disk in build/examples/storage/disk.img, which is made by the first run.

import { defineSystem, type VmConfig } from "../../tool/config.ts";
import { rootImage } from "./root-image.ts";

const linux = {
  memory: "96M",
  kernel: { debian: "linux-6.1" },
  bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
} as const;

/** A VM whose root is the shared disk. */
const reader = (name: string): VmConfig => ({
  ...linux,
  name,
  disks: [{ disk: "root" }],
  initrd: {
    busybox: {
      modules: ["virtio_mmio", "virtio_blk"],
      command: [
        "mkdir /new && mount -t ext4 -o ro /dev/vda /new && cd /new",
        "for each in dev proc sys; do mount --move /$each /new/$each; done",
        // The greeting is read, and written over in vain.
        `exec switch_root /new /bin/busybox sh -c 'cat /etc/motd; echo "${name}: Try: echo new >/etc/motd"; exec sh'`,
      ].join("; "),
    },
  },
});

export default defineSystem({
  disks: [
    {
      name: "data",
      board: { serial: "board-disk", image: "../../build/examples/storage/disk.img", size: "64M" },
      start: "1M",
      size: "32M",
      writable: true,
    },
    { name: "root", file: rootImage },
  ],
  vms: [
    {
      ...linux,
      name: "keeper",
      disks: [{ disk: "data" }],
      initrd: {
        busybox: {
          packages: ["e2fsprogs"],
          modules: ["virtio_mmio", "virtio_blk"],
          command: [
            "mkdir /data",
            // A disk without a file system is a new one.
            "mount -t ext4 /dev/vda /data 2>/dev/null || { /sbin/mkfs.ext4 -q /dev/vda && mount -t ext4 /dev/vda /data; }",
            "date >>/data/runs && sync",
            'echo "keeper: run $(wc -l </data/runs) with this disk. Try: echo hello >/data/file; umount /data; poweroff -f; and run it again"',
            "exec sh",
          ].join("; "),
        },
      },
    },
    reader("left"),
    reader("right"),
  ],
});
