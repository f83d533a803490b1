import { test } from "node:test";
import { refusedAll, withVm } from "./refused.ts";

test("programs of busybox whose names are no file names", async () => {
  const names = ["tool", "", "..", ".", "a/b", "../evil", "a b", "a\n", "x".repeat(256)];
  const programs = Object.fromEntries(names.map((name) => [name, "kernel"]));
  await refusedAll(
    withVm({ initrd: { busybox: { programs } } }),
    names.slice(1).map((name) => {
      const key = name.startsWith("x") ? `.${name}` : `[${JSON.stringify(name)}]`;
      return [`vms[0].initrd.busybox.programs${key}`, "must be named as a file in /bin"];
    }),
  );
});
