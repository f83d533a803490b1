import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a shared region that no VM has", async () => {
  await refused({ ...withVm({}), shared: [{ name: "ring", size: "4K" }] }, "shared[0]", 'no VM has it: add { region: "ring" }');
});
