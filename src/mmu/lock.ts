// The lock of physical memory: the frames of guests' RAM (frames.ts) and the pages for tables (table-pool.ts). Held for one taking or giving.

import { LOCK_MEMORY } from "../../build/gen/locks";
import { Lock } from "../lib/lock";

export const lock = changetype<Lock>(memory.data<u32>([0, 0, LOCK_MEMORY], 4));
