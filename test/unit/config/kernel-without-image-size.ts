import { test } from "node:test";
import { image, refused, withVm } from "./refused.ts";

test("an Image that does not say how large it is", async () => {
  await refused(withVm({}), "vms[0].kernel", "without an image_size", { kernel: image({ imageSize: 0 }) });
});
