// TLB maintenance (Arm ARM D8.14), inner shareable but where it says otherwise. Each call is the instruction alone: the barriers around it are the caller's.

/** Stage 1 of the current VMID, on this CPU alone. */
export declare function vmalle1(): void;
/** Stage 1 and 2 of the current VMID. */
export declare function vmalls12e1is(): void;
/** Stage 1 and 2 of every VMID. */
export declare function alle1is(): void;
