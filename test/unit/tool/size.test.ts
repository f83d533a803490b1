// Sizes as people write them.

import assert from "node:assert/strict";
import { test } from "node:test";
import { formatSize, parseSize } from "../../../tool/size.ts";

test("units are powers of 1024", () => {
  assert.deepEqual(["7", "4K", "128M", "1G"].map(parseSize), [7, 4096, 128 * 2 ** 20, 2 ** 30]);
});

test("anything else is no size", () => {
  for (const text of ["", "M", "1.5G", "-1", "1 M", "1m", "1MB", "0x10", "9007199254740993", "99999999G"])
    assert.equal(parseSize(text), undefined, text);
});

test("a size is shown in the largest unit that fits exactly", () => {
  assert.deepEqual([0, 7, 4096, 3 * 2 ** 20, 1536].map(formatSize), ["0 bytes", "7 bytes", "4 KiB", "3 MiB", "1536 bytes"]);
});
