// A power cut in the middle of writing to a slice of the board's disk: what the guest was told to be flushed is there.

import assert from "node:assert/strict";
import { closeSync, openSync, readSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratch } from "../unit/scratch.ts";
import { boot } from "./expect.ts";

const CUTS = 20;
const BLOCK = 4096;
/** As guests/disk has it: record n lies in block n modulo BLOCKS. */
const BLOCKS = 64;
const START = 1024 * 1024;
/** Records that may be written while the numbers of those before are on their way here. */
const UNTOLD = 8;

/** The record in a block, whose every word is its number; undefined: it is torn. */
const recordIn = (image: string, block: number): number | undefined => {
  const bytes = Buffer.alloc(BLOCK);
  const file = openSync(image, "r");
  readSync(file, bytes, 0, BLOCK, START + block * BLOCK);
  closeSync(file);
  const first = bytes.readBigUInt64LE(0);
  for (let at = 0; at < BLOCK; at += 8) if (bytes.readBigUInt64LE(at) !== first) return undefined;
  return Number(first);
};

test(`${CUTS} power cuts: every record that was flushed is on the disk`, async () => {
  const image = join(scratch(), "disk.img");
  writeFileSync(image, "");
  truncateSync(image, 4 * START);
  let last = 0;
  for (let cut = 0; cut < CUTS; cut++) {
    const from = last + 1;
    await using vm = await boot({
      system: {
        disks: [{ name: "data", board: { serial: "DATA", image }, start: START, writable: true }],
        vms: [{ name: "disk", memory: "16M", kernel: "disk.bin", bootargs: `from=${from}`, disks: [{ disk: "data" }] }],
      },
    });
    // A different number of records each time.
    await vm.expect(new RegExp(`written +${from + 7 * cut}\\r`));
    await vm.kill();
    const told = [...vm.output.matchAll(/written +(\d+)\r/g)].map(([, n]) => Number(n));
    last = Math.max(...told);
    for (let n = Math.max(1, last - BLOCKS + 1); n <= last; n++) {
      const found = recordIn(image, n % BLOCKS);
      // The oldest may just be written over by some that nobody was told of, one of which was cut.
      const isThere = found !== undefined && found >= n && (found - n) % BLOCKS === 0;
      assert.ok(
        isThere || (found === undefined && n <= last - BLOCKS + UNTOLD),
        `cut ${cut}: record ${n} of ${last}, found ${found}`,
      );
    }
  }
});
