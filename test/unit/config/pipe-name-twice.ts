import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("two pipes with the same name", async () => {
  const pipe = { name: "log", between: ["vm0", "vm1"] };
  await refused(
    { ...withVms([{}, {}]), pipes: [pipe, pipe] },
    "pipes[1].name",
    "is the name of pipes[0] as well: names must differ",
  );
});
