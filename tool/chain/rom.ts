// build/hyper-lite.rom: the EL3 reset path with the image behind it, as it lies in the board's flash from address 0.

import { gcc, objcopy } from "./compile.ts";
import { run } from "./run.ts";

export function buildRom(): void {
  run(gcc, ["-march=armv8-a+nofp", "-Ibuild/gen", "-c", "metal/rom.S", "-o", "build/rom.o"]);
  run(gcc, [
    "-nostdlib",
    "-static",
    "-no-pie",
    "-Wl,--build-id=none,--fatal-warnings,-Ttext=0",
    "build/rom.o",
    "-o",
    "build/rom.elf",
  ]);
  run(objcopy, ["-O", "binary", "build/rom.elf", "build/hyper-lite.rom"]);
}
