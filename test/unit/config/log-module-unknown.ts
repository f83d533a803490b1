import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a level for a module that does not exist", async () => {
  await refused({ ...withVm({}), logLevels: { disk: "debug" } }, "logLevels.disk", "unknown module");
});
