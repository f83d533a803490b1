import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("two shared regions of one name", async () => {
  await refused(
    {
      ...withVms([{ shared: [{ region: "ring" }] }]),
      shared: [
        { name: "ring", size: "4K" },
        { name: "ring", size: "8K" },
      ],
    },
    "shared[1].name",
    "is the name of shared[0] as well",
  );
});
