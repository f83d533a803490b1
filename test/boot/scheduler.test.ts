// How CPU time is shared, by the guests' own counts of it: in turns, by shares, and to a guest with a hard period before all others. Where it
// is no matter of latency, an instruction takes 128 ns, so that ten seconds of guest time are short.

import assert from "node:assert/strict";
import { test } from "node:test";
import mixed from "../../examples/mixed/hyper-lite.config.ts";
import type { SystemConfig, VmConfig } from "../../tool/config.ts";
import { boot } from "./expect.ts";

const spinner = (name: string, rest: Partial<VmConfig> = {}): VmConfig => ({
  name,
  memory: "16M",
  kernel: "spinner.bin",
  bootargs: "seconds=10 lead=2",
  ...rest,
});

/** How far each CPU of each spinner came in the same ten seconds. */
const counts = async (system: SystemConfig, cpus: number): Promise<number[][]> => {
  await using vm = await boot({ system, cpus, icount: true, qemuArgs: ["-icount", "shift=7"] });
  const end = await vm.end();
  assert.equal(end.halted?.off, true);
  const output = (name: string): string => (system.vms.length === 1 ? end.output : end.of(name));
  return system.vms.map(({ name }) => [...output(name).matchAll(/CPU \d counted to (\d+)/g)].map(([, count]) => Number(count)));
};

const sum = (values: readonly number[]): number => values.reduce((all, value) => all + value, 0);

/** `is` lies within so many percent of `should`. */
const within = (is: number, should: number, percent: number): void =>
  assert.ok(Math.abs(is - should) <= (should * percent) / 100, `${is} is not within ${percent} % of ${should}`);

test("equal VMs take turns", async () => {
  const [a, b] = await counts({ name: "turns", vms: [spinner("a"), spinner("b")] }, 1);
  within(sum(a!) / sum(b!), 1, 2);
});

test("nobody starves: five vCPUs on two CPUs", async () => {
  const vms = [spinner("a", { vcpus: 2 }), spinner("b", { vcpus: 2 }), spinner("c")];
  const all = (await counts({ name: "crowded", vms }, 2)).flat();
  assert.equal(all.length, 5);
  for (const count of all) assert.ok(count > (sum(all) / 5) * 0.5, `${count} of ${all}`);
});

test("shares of 3 to 1", async () => {
  const vms = [spinner("a", { share: 300 }), spinner("b", { share: 100 })];
  const [a, b] = await counts({ name: "shares", scheduler: { policy: "share" }, vms }, 1);
  within(sum(a!) / sum(b!), 3, 5);
});

test("a cap holds though nobody else wants the CPU", async () => {
  const scheduler = { policy: "share" } as const;
  const [free] = await counts({ name: "free", scheduler, vms: [spinner("a")] }, 1);
  const [capped] = await counts({ name: "capped", scheduler, vms: [spinner("a", { cap: 25 })] }, 1);
  within(sum(capped!) / sum(free!), 0.25, 5);
});

/** Periods in one report of the periodic guest. */
const REPORT = 250;

test("a period of 1 ms beside a Linux that spins, and U-Boot", async () => {
  const vms = mixed.vms.map((vm) => (vm.name === "periodic" ? { ...vm, bootargs: `report=${REPORT}` } : vm));
  await using vm = await boot({ system: { ...mixed, name: "mixed", vms }, icount: true });
  await vm.expectFrom("linux", /a busybox shell/);
  vm.send("echo spinning; while :; do :; done\n");
  await vm.expectFrom("linux", /^spinning/m);
  const behind = (vm.of("periodic").match(/\d+ periods/g) ?? []).length * REPORT;
  await vm.expectFrom("periodic", new RegExp(`${behind + 2 * REPORT} periods`));
  const reports = [...vm.of("periodic").matchAll(/at most (\d+) ns late, (\d+) missed/g)];
  for (const [report, late, missed] of reports) assert.ok(missed === "0" && Number(late) <= 100_000, report);
});
