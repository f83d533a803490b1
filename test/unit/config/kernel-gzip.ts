import { test } from "node:test";
import { gzipSync } from "node:zlib";
import { refused, withVm } from "./refused.ts";

test("a kernel compressed with gzip", async () => {
  await refused(withVm({}), "vms[0].kernel", "compressed with gzip: unpack it first", { kernel: gzipSync("a kernel") });
});
