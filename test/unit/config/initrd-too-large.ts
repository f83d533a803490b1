import { test } from "node:test";
import { MIB } from "../../../tool/size.ts";
import { refused, withVm } from "./refused.ts";

test("an initrd that does not fit", async () => {
  await refused(withVm({ memory: "16M", initrd: "initrd" }), "vms[0].initrd", "initrd does not fit", {
    initrd: new Uint8Array(15 * MIB),
  });
});
