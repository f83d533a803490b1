// Cache maintenance of guest memory, by physical address. Ranges are checked like those of phys.ts.

import { Pa } from "./addr";

/** Cleans and invalidates data to the point of coherency, for a guest that starts with its caches off. `dsbSy` afterwards. */
export declare function cleanInvalidate(pa: Pa, bytes: u64): void;
/** Invalidates all instruction caches, inner shareable. */
export declare function invalidateInstructions(): void;
