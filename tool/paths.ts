// Where things lie in a checkout.

import { join } from "node:path";

export const ROOT = join(import.meta.dirname, "..");
export const BUILD = join(ROOT, "build");

/** What the build chain makes (tool/chain). */
export const hypervisor = {
  image: join(BUILD, "hyper-lite.Image"),
  rom: join(BUILD, "hyper-lite.rom"),
  /** What both are made of. */
  core: join(BUILD, "core.wasm"),
  /** The image that records what it does (docs/record-replay.md). */
  recorder: join(BUILD, "record/hyper-lite.Image"),
};
