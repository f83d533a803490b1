import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a package that Debian does not have", async () => {
  await refused(
    withVm({ initrd: { busybox: { packages: ["toaster-firmware"] } } }),
    "vms[0].initrd",
    "none of this machine's apt sources has a package toaster-firmware for arm64",
  );
});
