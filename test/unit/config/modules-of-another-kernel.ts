import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("modules for a kernel that is not Debian's", async () => {
  await refused(
    withVm({ initrd: { busybox: { modules: ["virtio_net"] } } }),
    "vms[0].initrd.busybox.modules",
    'are those of Debian\'s kernels: `kernel` must be { debian: "linux-6.1" } or the like',
  );
});
