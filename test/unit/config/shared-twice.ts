import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("one shared region twice in a VM", async () => {
  const shared = [{ region: "ring" }, { region: "ring", ipa: 0x2000_0000 }];
  await refused(
    withVms([{ shared }], { shared: [{ name: "ring", size: "4K" }] }),
    "vms[0].shared[1].region",
    'the VM has "ring" already',
  );
});
