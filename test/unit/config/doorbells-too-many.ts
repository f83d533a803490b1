import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("nine doorbells of a VM", async () => {
  await refused(
    withVms([{}, {}, {}], { doorbells: Array.from({ length: 9 }, (_, n) => ["vm0", `vm${1 + (n % 2)}`]) }),
    "doorbells[8]",
    'is one too many: VM "vm0" can have 8 doorbells',
  );
});
