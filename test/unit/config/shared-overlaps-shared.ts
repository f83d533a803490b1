import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("two shared regions over each other", async () => {
  const shared = [{ region: "a" }, { region: "b", ipa: 0x1000_0000 }];
  await refused(
    withVms([{ shared }], {
      shared: [
        { name: "a", size: "4K" },
        { name: "b", size: "4K" },
      ],
    }),
    "vms[0].shared[1]",
    '"b" must not overlap shared[0] (0x10000000 to 0x10000fff)',
  );
});
