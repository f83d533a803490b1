import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("timeOnPause that is neither", async () => {
  await refused(withVm({ timeOnPause: "freeze" }), "vms[0].timeOnPause", 'must be "stop" or "run"');
});
