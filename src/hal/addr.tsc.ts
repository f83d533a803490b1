// Addresses as types that never mix: what tsc sees in place of addr.ts.

/** A physical address of the board. */
export type Pa = number & { readonly __pa: never };
/** An intermediate physical address: what a guest takes for physical. */
export type Ipa = number & { readonly __ipa: never };
/** A virtual address of EL2. */
export type Va = number & { readonly __va: never };
