import { test } from "node:test";
import { refused, withVms } from "./refused.ts";

test("two VMs of one name", async () => {
  await refused(withVms([{ name: "a" }, { name: "a" }]), "vms[1].name", "is the name of vms[0] as well");
});
