// Addresses that never mix. For asc they are plain numbers; tsc reads addr.tsc.ts instead and reports a mix.

/** A physical address of the board. */
export type Pa = u64;
/** An intermediate physical address: what a guest takes for physical. */
export type Ipa = u64;
/** A virtual address of EL2. */
export type Va = u64;
