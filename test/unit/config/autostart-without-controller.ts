import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("a VM that nobody could start", async () => {
  await refused(withVms([{}, { autostart: false }]), "vms[1].autostart", "nobody could start it");
});
