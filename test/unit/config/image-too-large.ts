import { test } from "node:test";
import { MIB } from "../../../tool/size.ts";
import { image, refused, withVm } from "./refused.ts";

test("an Image that clears more memory than there is", async () => {
  await refused(withVm({ memory: "16M" }), "vms[0].kernel", "is too large", { kernel: image({ imageSize: 15 * MIB }) });
});
