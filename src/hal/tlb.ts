// TLB maintenance (Arm ARM D8.14), inner shareable. Each call is the instruction alone: the barriers around it are the caller's.

import { Ipa } from "./addr";

/** Stage 1 and 2 of the current VMID. */
export declare function vmalls12e1is(): void;
/** Stage 1 of the current VMID: what was combined from a stage-2 entry that ipas2e1is took away. */
export declare function vmalle1is(): void;
/** Stage 2 of one IPA, current VMID. */
export declare function ipas2e1is(ipa: Ipa): void;
/** Stage 1 and 2 of every VMID. */
export declare function alle1is(): void;
/** All of EL2's own translations. */
export declare function alle2is(): void;
