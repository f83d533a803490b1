// Instructions as words (Arm ARM C6.2), for hal/instruction.ts: data in x0 and x2, the address in x1.

export const LDRB: u32 = 0x39400020;
export const LDRH: u32 = 0x79400020;
export const LDR_W: u32 = 0xb9400020;
export const LDR_X: u32 = 0xf9400020;
export const STRB: u32 = 0x39000020;
export const STRH: u32 = 0x79000020;
export const STR_W: u32 = 0xb9000020;
export const STR_X: u32 = 0xf9000020;
export const LDRSB_X: u32 = 0x39800020;
export const LDRSB_W: u32 = 0x39c00020;
export const LDRSH_X: u32 = 0x79800020;
export const LDRSH_W: u32 = 0x79c00020;
export const LDRSW: u32 = 0xb9800020;
/** Register 31: XZR. */
export const LDR_WZR: u32 = 0xb940003f;
export const STR_WZR: u32 = 0xb900003f;
/** What leaves no syndrome. */
export const LDP: u32 = 0xa9400820;
export const STP: u32 = 0xa9000820;
export const LDR_POST: u32 = 0xf8408420;
export const STR_PRE: u32 = 0xb8004c20;
export const LDR_Q: u32 = 0x3dc00020;
export const STR_Q: u32 = 0x3d800020;
export const DC_ZVA: u32 = 0xd50b7421;
export const LDADD: u32 = 0xb8200022;
/** Cache maintenance by address, by set and way, and a prefetch. */
export const DC_CVAC: u32 = 0xd50b7a21;
export const DC_CIVAC: u32 = 0xd50b7e21;
export const DC_IVAC: u32 = 0xd5087621;
export const IC_IVAU: u32 = 0xd50b7521;
export const DC_ISW: u32 = 0xd5087641;
export const DC_CSW: u32 = 0xd5087a41;
export const DC_CISW: u32 = 0xd5087e41;
export const PRFM: u32 = 0xf9800020;
export const AT_S1E1R: u32 = 0xd5087801;
/** Calls. */
export const HVC_0: u32 = 0xd4000002;
export const HVC_1: u32 = 0xd4000022;
export const HVC_FFFF: u32 = 0xd41fffe2;
export const SMC_0: u32 = 0xd4000003;
export const SMC_1: u32 = 0xd4000023;
/** Extensions: SVE, SME, pointer authentication, 64-byte loads, the implementer's own SYS #0, C11, C0, #0. */
export const RDVL: u32 = 0x04bf5020;
export const RDSVL: u32 = 0x04bf5820;
export const SMSTART: u32 = 0xd503477f;
export const PACGA: u32 = 0x9ac13000;
export const LD64B: u32 = 0xf83fd020;
export const SYS_C11: u32 = 0xd508b000;
export const NOP: u32 = 0xd503201f;
export const BRK_0: u32 = 0xd4200000;
export const WFE: u32 = 0xd503205f;

/** MRS x0 and MSR x0 of S<op0>_<op1>_C<crn>_C<crm>_<op2>. */
export function mrs(op0: u32, op1: u32, crn: u32, crm: u32, op2: u32): u32 {
  return 0xd5200000 | (op0 << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5);
}
export function msr(op0: u32, op1: u32, crn: u32, crm: u32, op2: u32): u32 {
  return 0xd5000000 | (op0 << 19) | (op1 << 16) | (crn << 12) | (crm << 8) | (op2 << 5);
}
