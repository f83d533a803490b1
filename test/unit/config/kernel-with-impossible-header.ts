import { test } from "node:test";
import { image, refused, withVm } from "./refused.ts";

test("an Image with a nonsense header", async () => {
  await refused(withVm({}), "vms[0].kernel", "impossible header", { kernel: image({ imageSize: 2 ** 52 }) });
});
