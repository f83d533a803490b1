import { test } from "node:test";
import { refusedAll, withVm } from "./refused.ts";

test("modules that are no list, and names that are none", async () => {
  const words = 'must be names of kernel modules, such as ["virtio_mmio", "virtio_net"]';
  await refusedAll(withVm({ initrd: { busybox: { modules: "virtio_net" } } }), [["vms[0].initrd.busybox.modules", words]]);
  await refusedAll(withVm({ initrd: { busybox: { modules: ["../net", ""] } } }), [
    ["vms[0].initrd.busybox.modules[0]", words],
    ["vms[0].initrd.busybox.modules[1]", words],
  ]);
});
