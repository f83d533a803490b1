import { test } from "node:test";
import { refusedAll, withVms } from "./refused.ts";

test("a disk that one VM writes while another one has it", async () => {
  await refusedAll(
    withVms([{ disks: [{ disk: "data" }] }, { disks: [{ disk: "data", readOnly: true }] }], {
      disks: [{ name: "data", size: "1M", writable: true }],
    }),
    [["vms[0].disks[0]", '"data" may be written by one VM alone, while no other has it: vms[1] has it too']],
  );
});
