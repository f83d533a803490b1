import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a uImage", async () => {
  await refused(withVm({}), "vms[0].kernel", "is a U-Boot uImage", { kernel: Buffer.from("\x27\x05\x19\x56", "latin1") });
});
