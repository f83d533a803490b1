// The kinds of exceptions that onException is told: the sixteen vectors of EL1 (Arm ARM D1.3.1.5), from EL1 itself with its own stack.

export const SYNC: u64 = 4;
export const IRQ: u64 = 5;
export const FIQ: u64 = 6;
/** From EL0 in AArch64. */
export const SYNC_EL0: u64 = 8;
