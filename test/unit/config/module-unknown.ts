import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a module that the kernel does not have", async () => {
  await refused(
    withVm({ kernel: { debian: "linux-6.1" }, memory: "128M", initrd: { busybox: { modules: ["virtio_toaster"] } } }),
    "vms[0].initrd",
    "the kernel has no module virtio_toaster: it may be built in",
  );
});
