// Functions of the HAL that are one instruction each (Arm ARM C6.2): module, function, the instruction.

export const instructions: Record<string, Record<string, string>> = {
  barrier: { dsbIshst: "dsb ishst", dsbIsh: "dsb ish", dsbNsh: "dsb nsh", dsbSy: "dsb sy", isb: "isb" },
  tlb: { vmalle1: "tlbi vmalle1", vmalls12e1is: "tlbi vmalls12e1is", alle1is: "tlbi alle1is" },
  cache: { invalidateInstructions: "ic ialluis" },
};
