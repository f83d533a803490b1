import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("more virtio devices than a VM can have", async () => {
  const disks = Array.from({ length: 16 }, (_, n) => ({ name: `disk${n}`, size: "4K", writable: true }));
  await refused(
    { ...withVm({ disks: disks.map(({ name }) => ({ disk: name })), devices: { entropy: true } }), disks },
    "vms[0]",
    "has more than 16 virtio devices",
  );
});
