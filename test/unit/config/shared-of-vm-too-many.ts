import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("nine shared regions of a VM", async () => {
  await refused(
    withVms([{ shared: Array.from({ length: 9 }, (_, n) => ({ region: `r${n}` })) }], {
      shared: Array.from({ length: 9 }, (_, n) => ({ name: `r${n}`, size: "4K" })),
    }),
    "vms[0].shared",
    "must be a list of at most 8 shared regions",
  );
});
