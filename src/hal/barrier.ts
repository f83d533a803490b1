// Barriers (Arm ARM B2.7.3), explicit so that the simulator can see a missing one.

/** Orders earlier stores before everything later, for the inner shareable domain: before a TLB invalidation. */
export declare function dsbIshst(): void;
/** Completes earlier accesses and maintenance, for the inner shareable domain: after a TLB invalidation. */
export declare function dsbIsh(): void;
/** Completes maintenance of this CPU alone. */
export declare function dsbNsh(): void;
/** Completes everything earlier, for the whole system. */
export declare function dsbSy(): void;
/** Makes earlier changes of context visible to the instructions that follow. */
export declare function isb(): void;
