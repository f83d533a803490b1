import { test } from "node:test";
import { refusedAll, withVms } from "./refused.ts";

test("functions that return no path", async () => {
  await refusedAll(withVms([{ kernel: () => 5 }, { kernel: async () => undefined }, { kernel: () => "" }]), [
    ["vms[0].kernel", "the function must return the path of a file, and returned 5"],
    ["vms[1].kernel", "the function must return the path of a file, and returned undefined"],
    ["vms[2].kernel", "the function must return the path of a file, and returned ''"],
  ]);
});
