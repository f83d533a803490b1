import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a level that does not exist", async () => {
  await refused({ ...withVm({}), logLevels: { vgic: "loud" } }, "logLevels.vgic", "must be a level");
});
