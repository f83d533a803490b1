// Disks under Debian's fio and e2fsprogs: whatever is written, at random, sixteen requests at a time, is read back, and file systems are clean.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { scratch } from "../unit/scratch.ts";
import { boot } from "./expect.ts";

/** Writes all of a file or a device in blocks of 512 bytes to 64 KiB, with a checksum in each, and reads it back. */
const fio = (file: string, mebibytes: number): string =>
  `fio --name=job --thread --filename=${file} --size=${mebibytes}M --rw=randwrite --bsrange=512-64k --direct=1 --ioengine=libaio --iodepth=16 --verify=crc32c --verify_fatal=1 --randseed=1 >/tmp/log && echo verified ${file} || cat /tmp/log`;

test("fio verifies a disk in RAM and a slice of the board's, raw and with a file system, which is clean afterwards", async () => {
  const onDisk = (disk: string): string[] => [
    fio(disk, 16),
    `/sbin/mkfs.ext4 -q ${disk} && mount -t ext4 ${disk} /mnt`,
    fio("/mnt/file", 16),
    `umount /mnt; /sbin/fsck.ext4 -fn ${disk} >/tmp/log && echo clean ${disk} || cat /tmp/log`,
  ];
  const command = ["mkdir /mnt", ...onDisk("/dev/vda"), ...onDisk("/dev/vdb"), "poweroff -f"].join("; ");
  await using vm = await boot({
    system: {
      disks: [
        { name: "ram", size: "32M", writable: true },
        {
          name: "slice",
          board: { serial: "DISK-1", image: join(scratch(), "disk.img"), size: "40M" },
          start: "4M",
          size: "32M",
          writable: true,
        },
      ],
      vms: [
        {
          name: "linux",
          memory: "384M",
          kernel: { debian: "linux-6.1" },
          initrd: { busybox: { packages: ["e2fsprogs", "fio"], modules: ["virtio_mmio", "virtio_blk"], command } },
          bootargs: "console=ttyAMA0 quiet rdinit=/init cma=0",
          disks: [{ disk: "ram" }, { disk: "slice" }],
        },
      ],
    },
  });
  const end = await vm.end();
  assert.equal(end.halted?.off, true);
  assert.deepEqual(end.output.match(/^(verified|clean) .*(?=\r)/gm), [
    "verified /dev/vda",
    "verified /mnt/file",
    "clean /dev/vda",
    "verified /dev/vdb",
    "verified /mnt/file",
    "clean /dev/vdb",
  ]);
});
