// Cache maintenance of guest memory, by physical address. Ranges are checked like those of phys.ts.

/** Cleans and invalidates data to the point of coherency, for a guest that starts with its caches off. `dsbSy` afterwards. */
export declare function cleanInvalidate(pa: u64, bytes: u64): void;
/** Invalidates all instruction caches, inner shareable. */
export declare function invalidateInstructions(): void;
