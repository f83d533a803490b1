// An exception from EL2 itself: registers, syndrome and a backtrace with names of functions, `halted: crash`, power off. The fault is put
// into a copy of the image, over the start of the function that handles a guest's exits.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, test } from "node:test";
import { layout } from "../../abi/layout.ts";
import { BUILD, hypervisor, ROOT } from "../../tool/paths.ts";
import { buildConfig, buildSystem } from "../../tool/system.ts";
import { boot } from "./expect.ts";

const { bundle } = await buildSystem(join(ROOT, "examples/u-boot"));
const folder = mkdtempSync(join(tmpdir(), "hyper-lite-crash-"));
after(() => rmSync(folder, { recursive: true }));

/** Where a symbol lies in an ELF file of the build, from `base`. */
const symbol = (elf: string, name: string, base = 0): number => {
  const symbols = execFileSync("aarch64-linux-gnu-nm", [join(BUILD, elf)], { encoding: "utf8" });
  return Number.parseInt(new RegExp(`^(\\w+) . ${name}$`, "m").exec(symbols)![1]!, 16) - base;
};

const assemble = (code: string): Buffer => {
  const [source, object, raw] = ["s", "o", "bin"].map((suffix) => join(folder, `code.${suffix}`)) as [string, string, string];
  writeFileSync(source, `${code}\n`);
  execFileSync("aarch64-linux-gnu-as", [source, "-o", object]);
  execFileSync("aarch64-linux-gnu-objcopy", ["-O", "binary", object, raw]);
  return readFileSync(raw);
};

/** A copy of the image, or of the ROM that it is in, with code over the start of functions. */
const withCode = (el3: boolean, code: Readonly<Record<string, string>>): string => {
  const bytes = readFileSync(el3 ? hypervisor.rom : hypervisor.image);
  const image = el3 ? symbol("rom.elf", "image") : 0;
  for (const [name, text] of Object.entries(code))
    assemble(text).copy(bytes, image + symbol("hyper-lite.elf", name, layout.IMAGE_VA));
  const file = join(folder, `faulty-${el3}`);
  writeFileSync(file, bytes);
  return file;
};

const FRAME = "stp x29, x30, [sp, #-16]!\nmov x29, sp\n";
const CALLER = "guest_sync+0x\\w+";
const store = (address: number): string => `${FRAME}ldr x9, =0x${address.toString(16)}\nstr x9, [x9]`;

/** The code, the exception class, FAR, and the first two lines of the backtrace. */
const faults: readonly [title: string, code: string, ec: string, far: string, at: string, from: string][] = [
  ["a store behind the window", store(layout.WINDOW + 0x8000_0000), "0x25", "0x800180000000", "hl_sync+0xc", CALLER],
  ["a store far behind the window", store(layout.WINDOW + 0x2_0000_0000), "0x25", "0x800300000000", "hl_sync+0xc", CALLER],
  ["a field of the null record", store(layout.WINDOW + 8), "0x25", "0x800100000008", "hl_sync+0xc", CALLER],
  ["a store to code", store(layout.IMAGE_VA), "0x25", "0x800000000000", "hl_sync+0xc", CALLER],
  ["a store at a physical address", store(0x4020_0000), "0x25", "0x40200000", "hl_sync+0xc", CALLER],
  [
    "a stack overflow",
    "0: stp x29, x30, [sp, #-64]!\nmov x29, sp\nbl 0b",
    "0x25",
    "0x8000ffe0bfc0",
    "hl_sync+0x0",
    "hl_sync+0xc",
  ],
  ["`unreachable`, or a refusal of the HAL", `${FRAME}brk #0x200`, "0x3c", ".*", "hl_sync+0x8", CALLER],
  ["an undefined instruction", `${FRAME}udf #0`, "0x0", ".*", "hl_sync+0x8", CALLER],
];

for (const el3 of [false, true]) {
  for (const [title, code, ec, far, at, from] of el3 ? faults.slice(0, 1) : faults) {
    test(`${title}${el3 ? ", from EL3" : ""}`, async () => {
      const file = withCode(el3, { hl_sync: code });
      await using vm = await boot({ bundle, el3, qemuArgs: [el3 ? "-bios" : "-kernel", file] });
      const { halted, logs, qemu } = await vm.end();
      const text = logs.join("\n");
      assert.match(text, new RegExp(`an exception at EL2: vector 4, class ${ec},`));
      assert.match(text, new RegExp(`far ${far} `));
      for (const register of [0, 2, 28, 30]) assert.match(text, new RegExp(`x${register} 0x`));
      const [first, second] = [at, from].map((place) => `  0x8000000\\w+ ${place.replace("+", "\\+")}`);
      assert.match(text, new RegExp(`${first}\n.*${second}\n`));
      assert.deepEqual([halted?.off, qemu.status], [false, 0]);
      assert.match(halted!.reason, /^an exception at EL2, syndrome 0x\w+ at pc 0x\w+$/);
    });
  }
}

/** The first guest prints without end; the others have a CPU each. */
const several = async (): Promise<Buffer> => {
  const vm = (n: number) => ({ name: `vm${n}`, memory: "16M", kernel: "periodic.bin", bootargs: "period=200 report=1" });
  return (await buildConfig({ name: "several", vms: [vm(1), vm(2), vm(3), vm(4)] }, join(BUILD, "guests"))).bundle;
};

for (const [title, name] of [
  ["a CPU that runs a guest crashes while others fill theirs, or run", "hl_sync"],
  ["a CPU that is idle crashes while others have guests", "hl_idle"],
] as const) {
  test(`one report, and the end: ${title}`, async () => {
    const file = withCode(false, { [name]: `${FRAME}brk #0x200` });
    await using vm = await boot({ bundle: await several(), cpus: 4, qemuArgs: ["-kernel", file] });
    const { halted, logs, qemu } = await vm.end();
    assert.equal(logs.filter((line) => line.includes("an exception at EL2: vector")).length, 1, logs.join("\n"));
    // The last line of all: nobody prints behind it.
    assert.match(halted?.reason ?? "", /^an exception at EL2, syndrome 0xf2000200 at pc 0x\w+$/);
    assert.equal(qemu.status, 0);
  });
}

test("data is not executed", async () => {
  const address = layout.WINDOW + layout.WINDOW_BASE;
  const file = withCode(false, { hl_sync: `${FRAME}ldr x9, =0x${address.toString(16)}\nblr x9` });
  await using vm = await boot({ bundle, qemuArgs: ["-kernel", file] });
  const { halted, logs } = await vm.end();
  assert.match(logs.join("\n"), /class 0x21,.*far 0x800100010000 /s);
  assert.match(halted!.reason, /at pc 0x800100010000$/);
});

test("a crash while reporting a crash", async () => {
  const file = withCode(false, { hl_sync: "brk #0x200", hl_crash: "brk #0x201" });
  await using vm = await boot({ bundle, qemuArgs: ["-kernel", file] });
  const { halted, qemu } = await vm.end();
  assert.deepEqual(halted, { off: false, reason: "while reporting a crash" });
  assert.equal(qemu.status, 0);
});
