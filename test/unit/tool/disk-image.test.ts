// The file of a board's disk: made once, never touched again, and missed by name.

import assert from "node:assert/strict";
import { readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { makeDiskImage } from "../../../tool/disk-image.ts";
import { scratch } from "../scratch.ts";

test("a disk whose size is known is made, with the folder that it lies in", () => {
  const image = join(scratch(), "disks/data.img");
  makeDiskImage({ serial: "D-1", image, size: 1 << 30 });
  assert.equal(statSync(image).size, 1 << 30);
  assert.ok(statSync(image).blocks < 100, "zeros take no room");
});

test("a disk that is there stays as it is", () => {
  const image = join(scratch(), "data.img");
  writeFileSync(image, "what was written");
  makeDiskImage({ serial: "D-1", image, size: 4096 });
  assert.equal(readFileSync(image, "utf8"), "what was written");
});

test("a disk that is not there, of no known size, or where none can be made", () => {
  const image = join(scratch(), "data.img");
  assert.throws(() => makeDiskImage({ serial: "D-1", image }), {
    name: "UserError",
    message: `${image}: no such file, and the board's disk D-1 is to be there: make it, or say how large (\`size\` of its \`board\`)`,
  });
  writeFileSync(image, "a file, no folder");
  const within = join(image, "data.img");
  assert.throws(() => makeDiskImage({ serial: "D-1", image: within, size: 4096 }), {
    name: "UserError",
    message: `${within}: the board's disk D-1 cannot be made: file already exists`,
  });
});
