// The sanitizer of memory: every frame free or owned once, every page for tables free or in one tree.

import assert from "node:assert/strict";
import { test } from "node:test";
import { World } from "../../../sim/world/world.ts";
import { type Change, plantedBytes } from "../planted.ts";
import { type Bug, testBugs } from "./bugs.ts";
import { refused, successors } from "./lives.ts";

const CREATE = "src/vm/create.ts";
const STAGE2 = "src/mmu/stage2.ts";
const POOL = "src/mmu/table-pool.ts";

const bugs: Bug[] = [
  {
    what: "a VM's RAM is not given back",
    changes: [{ file: STAGE2, find: "frames.give((word & OUTPUT) as Pa, sizeAt(level));", replace: "continue;" }],
    run: successors,
    report: /the frame at 0x\w+ is lost: nobody has it/,
  },
  {
    what: "a region is not given back",
    changes: [{ file: CREATE, find: "    frames.give((region.pa & ~(FRAME - 1)) as Pa, framesOf(region));\n", replace: "" }],
    run: successors,
    report: /the frame at 0x\w+ is lost: nobody has it/,
  },
  {
    what: "one frame more is given back",
    changes: [
      {
        file: STAGE2,
        find: "frames.give((word & OUTPUT) as Pa, sizeAt(level));",
        replace: "frames.give(((word & OUTPUT) - frames.FRAME) as Pa, sizeAt(level) + frames.FRAME);",
      },
    ],
    run: successors,
    report: /the frame at 0x\w+ is free in the core's map, and VM 0 has it at 0x/,
  },
  {
    what: "tables are not given back",
    changes: [{ file: STAGE2, find: "      pool.give(word as Pa);\n", replace: "" }],
    run: successors,
    report: /the table at 0x\w+ is lost: nothing leads to it/,
  },
  {
    what: "a first table is not given back",
    changes: [{ file: STAGE2, find: "  pool.give(stage2.root as Pa);\n", replace: "" }],
    run: successors,
    report: /VM 1 has a stage 2 at 0x\w+ and another one at 0x/,
  },
  {
    what: "pages that come back to the pool are forgotten",
    changes: [{ file: POOL, find: "  pool.returned++;\n", replace: "" }],
    run: successors,
    report: /the page at 0x\w+ is lost: it is no table/,
  },
  {
    what: "a page of the pool is given out twice",
    changes: [{ file: POOL, find: "    pool.returned--;\n", replace: "" }],
    run: successors,
    report: /REFUSE_TABLE/,
  },
  {
    what: "what a VM had when it could not be made stays taken",
    changes: [{ file: CREATE, find: "      giveUnmapped(vm, row, RAM_BASE + at);\n", replace: "" }],
    run: refused,
    report: /the frame at 0x\w+ is lost: nobody has it/,
  },
  {
    what: "a row that is taken is one frame longer than it is mapped",
    changes: [
      {
        file: "src/mmu/frames.ts",
        find: "setFree(addressOf(row), bytesOf(row), false)",
        replace: "setFree(addressOf(row), bytesOf(row) + FRAME, false)",
      },
    ],
    run: successors,
    report: /the frame at 0x\w+ is lost: nobody has it/,
  },
];

testBugs("memory", bugs);

/** One at whose end a controller runs. */
const ACCOUNTED = 28;
/** A frame that is taken counts twice; nobody but a controller is told. */
const miscounting: Change = {
  file: "src/mmu/frames.ts",
  find: "load<u32>(freeFrames) - 1",
  replace: "load<u32>(freeFrames) - 2",
};

test("a world ends with what a controller is told of free memory, and that is right", async () => {
  const world = new World({ seed: ACCOUNTED });
  await world.live();
  assert.deepEqual([world.end, world.isAccounted], ["time", true]);

  const core = await plantedBytes("miscounting", [miscounting]);
  await assert.rejects(
    new World({ seed: ACCOUNTED, core }).live(),
    /a controller is told that \d+ bytes and \d+ tables are free/,
  );
});
