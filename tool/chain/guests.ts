// The bare-metal guests: every folder of guests/ with a main.ts becomes build/guests/NAME.bin, a raw binary, by the same chain as the core,
// with the runtime of guests/lib/. `node tool/chain/guests.ts [NAME…]` builds some of them.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, globSync, mkdirSync, readdirSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { camel } from "../../abi/records.ts";
import { type GuestRegister, guestRegisters } from "../../guests/lib/registers.ts";
import { ROOT } from "../paths.ts";
import { cFlags, gcc, objcopy, toC, toWasmHere } from "./compile.ts";
import { BuildError, reported, run } from "./run.ts";

/** Linear memory of a guest's program: pages of 64 KiB, and the first byte in use. */
const MEMORY_PAGES = 2;
const MEMORY_BASE = 64;

const LIB = "guests/lib";
const OUT = "build/guests";

/** With the MMU off, as a guest starts, all memory is Device: unaligned accesses fault. */
const flags = [
  ...cFlags,
  "-mstrict-align",
  `-DMEMORY_PAGES=${MEMORY_PAGES}`,
  "-Ibuild/gen",
  `-I${OUT}/lib`,
  "-Imetal",
  `-I${LIB}`,
];

/** The folders of guests/ that are programs. */
export const guestNames = (): string[] =>
  readdirSync(join(ROOT, "guests"))
    .filter((name) => existsSync(join(ROOT, "guests", name, "main.ts")))
    .sort();

const pascal = (register: string): string => camel(register).replace(/^./, (c) => c.toUpperCase());
const reads = (r: GuestRegister): boolean => r.access !== "w";
const writes = (r: GuestRegister): boolean => r.access !== "r";
const asmName = (r: GuestRegister): string => (r.encoding ?? r.name).toLowerCase();

/** What all guests share: the module `sysreg`, runtime and linker script. */
function buildLib(): void {
  mkdirSync(join(ROOT, OUT, "lib"), { recursive: true });
  const note = "// Generated from guests/lib/registers.ts by tool/chain/guests.ts.\n";
  const ts = [
    ...guestRegisters.filter(reads).map((r) => `export declare function read${pascal(r.name)}(): u64;\n`),
    ...guestRegisters.filter(writes).map((r) => `export declare function write${pascal(r.name)}(value: u64): void;\n`),
  ];
  const h = [
    ...guestRegisters.filter(reads).map((r) => `HAL_READ(${pascal(r.name)}, "${asmName(r)}")\n`),
    ...guestRegisters.filter(writes).map((r) => `HAL_WRITE(${pascal(r.name)}, "${asmName(r)}")\n`),
  ];
  writeFileSync(join(ROOT, OUT, "lib/sysreg.ts"), note + ts.join(""));
  writeFileSync(join(ROOT, OUT, "lib/guest-sysreg.h"), note + h.join(""));
  run(gcc, ["-march=armv8-a+nofp", "-Ibuild/gen", "-c", `${LIB}/start.S`, "-o", `${OUT}/lib/start.o`]);
  run(gcc, ["-E", "-P", "-x", "c", "-D__ASSEMBLER__", "-Ibuild/gen", `${LIB}/link.ld`, "-o", `${OUT}/lib/link.ld`]);
}

async function buildGuest(name: string): Promise<void> {
  const out = `${OUT}/${name}`;
  mkdirSync(join(ROOT, out), { recursive: true });
  await toWasmHere({ entry: `guests/${name}/main.ts`, wasm: `${out}/guest.wasm`, pages: MEMORY_PAGES, base: MEMORY_BASE });
  const imports = toC(`${out}/guest.wasm`, "guest", `${out}/guest.generated.c`);
  const nulls = `-DIMPORTS_NULL=${Array(imports).fill("0").join(",")}`;
  run(gcc, [...flags, nulls, `-I${out}`, "-c", `${LIB}/guest.c`, "-o", `${out}/guest.o`]);
  run(gcc, [
    ...["-nostdlib", "-static", "-no-pie", "-Wl,--build-id=none,--fatal-warnings,--no-warn-rwx-segments"],
    ...["-T", `${OUT}/lib/link.ld`, `${OUT}/lib/start.o`, `${out}/guest.o`, "-o", `${out}/guest.elf`],
  ]);
  run(objcopy, ["-O", "binary", `${out}/guest.elf`, `${out}.bin`]);
}

/** Programs for guests that run Linux, each one file of C without a library. */
function buildLinuxPrograms(): void {
  mkdirSync(join(ROOT, OUT, "linux"), { recursive: true });
  for (const source of globSync("guests/linux/*.c", { cwd: ROOT })) {
    const options = [
      "-O2",
      "-Wall",
      "-Wextra",
      "-Werror",
      "-ffreestanding",
      "-fno-stack-protector",
      "-nostdlib",
      "-static",
      "-s",
    ];
    run(gcc, [...options, source, "-o", `${OUT}/linux/${basename(source, ".c")}`]);
  }
}

/** Builds these guests; build/gen/ is there already. */
async function buildGuests(names: readonly string[]): Promise<void> {
  buildLib();
  for (const name of names) await buildGuest(name);
  buildLinuxPrograms();
}

/** Builds all guests in a process of its own. */
export async function buildGuestsApart(): Promise<void> {
  const child = spawn(process.execPath, [import.meta.filename], { cwd: ROOT, stdio: ["ignore", "ignore", "inherit"] });
  const [status] = await once(child, "close");
  if (status !== 0) throw new BuildError("a guest could not be built");
}

if (import.meta.main) await reported(() => buildGuests(process.argv.length > 2 ? process.argv.slice(2) : guestNames()));
