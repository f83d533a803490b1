import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a CPU named twice", async () => {
  await refused(withVm({ affinity: [0, 0] }), "vms[0].affinity", "each once");
});
