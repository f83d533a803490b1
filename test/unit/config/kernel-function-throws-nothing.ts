import { test } from "node:test";
import { refusedAll, withVms } from "./refused.ts";

const throwing = (thrown: unknown) => ({
  kernel: () => {
    throw thrown;
  },
});

test("functions that throw what is no error", async () => {
  await refusedAll(withVms([throwing(null), throwing(undefined), throwing(Object.create(null)), throwing(new TypeError())]), [
    ["vms[0].kernel", "cannot be had: null"],
    ["vms[1].kernel", "cannot be had: undefined"],
    ["vms[2].kernel", "cannot be had: [Object: null prototype] {}"],
    ["vms[3].kernel", "cannot be had: TypeError"],
  ]);
});
