import { test } from "node:test";
import { MIB } from "../../../tool/size.ts";
import { refused, withVm } from "./refused.ts";

test("a raw kernel larger than the VM", async () => {
  await refused(
    withVm({ memory: "16M" }),
    "vms[0].kernel",
    /is too large: it takes 16 MiB from 512 KiB on, and the VM has 16 MiB/,
    { kernel: new Uint8Array(16 * MIB) },
  );
});
