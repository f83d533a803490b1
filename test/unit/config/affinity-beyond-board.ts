import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a CPU that the board does not have", async () => {
  await refused(withVm({ affinity: [0, 1] }), "vms[0].affinity[1]", "there is no CPU 1: the board has 1 CPU");
});
