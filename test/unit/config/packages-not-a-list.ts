import { test } from "node:test";
import { refusedAll, withVm } from "./refused.ts";

test("packages that are no list, and names that are none", async () => {
  const words = 'must be names of Debian packages, such as ["iperf3", "nftables"]';
  await refusedAll(withVm({ initrd: { busybox: { packages: "iperf3" } } }), [["vms[0].initrd.busybox.packages", words]]);
  await refusedAll(withVm({ initrd: { busybox: { packages: ["--help", "Iperf3", "iperf3-"] } } }), [
    ["vms[0].initrd.busybox.packages[0]", words],
    ["vms[0].initrd.busybox.packages[1]", words],
    ["vms[0].initrd.busybox.packages[2]", words],
  ]);
});
