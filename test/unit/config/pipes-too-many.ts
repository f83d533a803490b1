import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("more pipes than a VM can have", async () => {
  const pipes = Array.from({ length: 9 }, (_, n) => ({ name: `pipe${n}`, between: ["vm0", `vm${(n % 2) + 1}`] }));
  await refused({ ...withVms([{}, {}, {}]), pipes }, "pipes[8].between", 'is one too many: VM "vm0" can have 8 pipes');
});
