import { test } from "node:test";
import { image, refused, withVm } from "./refused.ts";

test("a big-endian kernel", async () => {
  await refused(withVm({}), "vms[0].kernel", "is a big-endian kernel", { kernel: image({ flags: 1 }) });
});
