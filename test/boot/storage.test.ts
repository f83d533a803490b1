// examples/storage: what is written to the board's disk is there in the next run, and a shared root file system stays as it is.

import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import storage from "../../examples/storage/hyper-lite.config.ts";
import type { SystemConfig, VmConfig } from "../../tool/config.ts";
import { scratch } from "../unit/scratch.ts";
import { ending } from "./ending.ts";
import { boot, type End } from "./expect.ts";

const [keeper, ...readers] = storage.vms as [VmConfig, ...VmConfig[]];
const [data, root] = storage.disks!;

const run = async (system: SystemConfig): Promise<End> => {
  await using vm = await boot({ system });
  const end = await vm.end();
  assert.equal(end.halted?.off, true);
  return end;
};

test("storage: a file outlives its run, the file system is clean, and nobody writes to the shared root", async () => {
  const disk = { ...data!, board: { ...data!.board!, image: join(scratch(), "new/disk.img") } };
  const check = "umount /data; /sbin/fsck.ext4 -fn /dev/vda && echo clean";
  const write = "dd if=/dev/urandom of=/data/file bs=1M count=8 2>/dev/null; sha256sum </data/file";
  const first = await run({
    ...storage,
    disks: [disk, root!],
    vms: [
      ending(keeper, `${write}; ${check}`),
      ...readers.map((vm) =>
        ending(vm, "echo new >/etc/motd || echo refused; dd if=/dev/zero of=/dev/vda count=1 || echo refused"),
      ),
    ],
  });
  assert.match(first.of("keeper"), /run 1 with this disk/);
  assert.match(first.of("keeper"), /^clean$/m);
  for (const { name } of readers) {
    assert.match(first.of(name), /^This root file system is one disk/m);
    assert.equal(first.of(name).match(/^refused$/gm)?.length, 2, first.of(name));
  }
  const second = await run({ ...storage, disks: [disk], vms: [ending(keeper, `sha256sum </data/file; ${check}`)] });
  const sum = /^[0-9a-f]{64}/m;
  assert.match(second.output, /run 2 with this disk/);
  assert.match(second.output, sum);
  assert.equal(sum.exec(second.output)?.[0], sum.exec(first.of("keeper"))?.[0]);
  assert.match(second.output, /^clean$/m);
});
