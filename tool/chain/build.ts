// `npm run build`: from src/, metal/ and abi/ to build/hyper-lite.elf, .Image and .rom, and from guests/ to build/guests/*.bin. What is up to
// date is left alone. With `-- --record` also build/record/hyper-lite.Image.

import { createHash } from "node:crypto";
import { existsSync, globSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { withLock } from "../lock.ts";
import { ROOT } from "../paths.ts";
import { CORE } from "./asc-arguments.ts";
import { toC, toWasm } from "./compile.ts";
import { generate } from "./gen.ts";
import { buildGuestsApart } from "./guests.ts";
import { buildImage } from "./image.ts";
import { buildRecorder } from "./record.ts";
import { buildRom } from "./rom.ts";
import { reported } from "./run.ts";

/** Does `action` unless what it depends on (files by pattern) is as it was when it was last done. */
async function whenChanged(stamp: string, patterns: string[], action: () => void | Promise<void>): Promise<void> {
  const hash = createHash("sha256");
  for (const file of globSync(["abi/*.ts", "tool/chain/*.ts", "package-lock.json", ...patterns], { cwd: ROOT }).sort()) {
    if (/\.\w+$/.test(file)) hash.update(`${file}\0`).update(readFileSync(join(ROOT, file)));
  }
  const now = hash.digest("hex");
  const path = join(ROOT, stamp);
  if (existsSync(path) && readFileSync(path, "utf8") === now) return;
  await action();
  writeFileSync(path, now);
}

async function buildCore(): Promise<void> {
  // Loaded here alone: it brings the compiler of TypeScript with it.
  const { checkBuilt, checkSources, demand } = await import("./rules.ts");
  const checked = checkSources();
  demand(checked);
  toWasm(CORE);
  const imports = toC("build/core.wasm", "core", "build/core.generated.c");
  buildImage(imports);
  buildRom();
  demand(checkBuilt(checked.sources));
}

/** `recorder`: the recording image as well, which `hyper-lite run --record` builds by itself. */
export async function build(recorder = false): Promise<void> {
  mkdirSync(join(ROOT, "build/guests"), { recursive: true });
  generate();
  // The guests are built by a process of their own, beside the core.
  const guests = whenChanged("build/guests/stamp", ["guests/**", "metal/wasm-rt.h"], buildGuestsApart);
  guests.catch(() => {});
  await whenChanged("build/stamp", ["src/**", "metal/**", "tool/chain/checks/*.ts"], buildCore);
  await guests;
  if (recorder) buildRecorder();
}

if (import.meta.main) await reported(() => withLock(join(ROOT, "build/lock"), () => build(process.argv.includes("--record"))));
