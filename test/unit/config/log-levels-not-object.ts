import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("log levels that are a text", async () => {
  await refused({ ...withVm({}), logLevels: "vgic=debug" }, "logLevels", "must be levels by module");
});
