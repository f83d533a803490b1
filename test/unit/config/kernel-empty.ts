import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("an empty kernel", async () => {
  await refused(withVm({}), "vms[0].kernel", "kernel is empty", { kernel: "" });
});
