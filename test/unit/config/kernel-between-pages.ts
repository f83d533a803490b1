import { test } from "node:test";
import { image, refused, withVm } from "./refused.ts";

test("an Image that does not start at a page", async () => {
  await refused(withVm({}), "vms[0].kernel", "text_offset is 0x80800: only multiples of 4 KiB", {
    kernel: image({ textOffset: 0x80800 }),
  });
});
