import { test } from "node:test";
import { refusedAll, withVms } from "./refused.ts";

const get = (): never => {
  throw new Error("no such host");
};

test("a setting and a list that cannot be read", async () => {
  const region = {
    ipa: 0,
    get size() {
      return get();
    },
  };
  await refusedAll(withVms([{ regions: [region] }, { shared: new Proxy([], { get }) }]), [
    ["vms[0].regions[0].size", "cannot be read: no such host"],
    ["vms[1].shared", "cannot be read: no such host"],
  ]);
});
