import { test } from "node:test";
import { refused, withVm } from "./refused.ts";

test("a configuration that cannot be read at first", async () => {
  let reads = 0;
  const config = {
    get vms() {
      if (reads++ === 0) throw new Error("not yet");
      return withVm({}).vms;
    },
  };
  await refused(config, "", "cannot be read: not yet");
});
