import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("more bootargs than Linux keeps", async () => {
  await refused(withVm({ bootargs: "x".repeat(2048) }), "vms[0].bootargs", "at most 2047 bytes");
});
