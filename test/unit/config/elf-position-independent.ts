import { test } from "node:test";
import { elf, refused, withVm } from "./refused.ts";

test("an ELF without addresses of its own", async () => {
  await refused(withVm({}), "vms[0].kernel", "no executable with fixed addresses", { kernel: elf({ type: 3 }) });
});
