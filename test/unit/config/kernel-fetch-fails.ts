import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a kernel whose fetching fails", async () => {
  await refused(
    withVm({
      kernel: () => {
        throw new Error("no network");
      },
    }),
    "vms[0].kernel",
    "no network",
  );
});
