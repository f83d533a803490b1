import { test } from "node:test";
import { image, refused, withVm } from "./refused.ts";

test("an Image off its 2 MiB boundary", async () => {
  await refused(
    withVm({ kernelLoad: "3M" }),
    "vms[0].kernelLoad",
    "must be a multiple of 2 MiB plus the Image's text_offset 0x80000",
    { kernel: image({ textOffset: 0x80000 }) },
  );
});
