import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("$schema that is no text", async () => {
  await refused({ ...withVm({}), $schema: 7 }, "$schema", "must be a text: where the JSON Schema");
});
