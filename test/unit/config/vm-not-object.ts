import { test } from "node:test";
import { refusedAll } from "./refused.ts";

test("a VM that is a text", async () => {
  await refusedAll({ vms: ["linux"] }, [["vms[0]", "must be { name, memory, kernel, … }"]]);
});
