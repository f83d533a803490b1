// The lock of physical memory: the frames of guests' RAM (frames.ts) and the pages for tables (table-pool.ts). Held for one taking or giving.

import { Lock } from "../lib/lock";

export const lock = changetype<Lock>(memory.data(8, 4));
