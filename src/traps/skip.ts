// Going on behind an instruction that was carried out for the guest, in AArch64 and in the guest's 32-bit EL0 (Arm ARM F1.2, G1.10).

import { ESR_IL, SPSR_AARCH32, SPSR_IT_MASK, SPSR_T32 } from "../../build/gen/esr";
import { VcpuFrame } from "../../build/gen/records";

/** ISS of a trapped 32-bit instruction: COND is valid, and COND. */
const ISS_CV: u64 = 0x1000000;
const ISS_COND_SHIFT: u64 = 20;

/** IT[7:0] of a T32 IT block: bits 15-10 of SPSR are IT[7:2], bits 26-25 are IT[1:0]. */
function itState(spsr: u64): u32 {
  return (((spsr >> 8) & 0xfc) | ((spsr >> 25) & 3)) as u32;
}

/** Goes on behind a 32-bit instruction, 2 or 4 bytes long; the IT state moves on (F1.2.3, ITAdvance). */
function aarch32(frame: VcpuFrame, esr: u64): void {
  frame.elr += (esr & ESR_IL) != 0 ? 4 : 2;
  const it = itState(frame.spsr);
  const next: u32 = (it & 7) == 0 ? 0 : (it & 0xe0) | ((it << 1) & 0x1f);
  frame.spsr = (frame.spsr & ~(SPSR_IT_MASK as u64)) | (((next & 0xfc) as u64) << 8) | (((next & 3) as u64) << 25);
}

/** Goes on behind the instruction whose syndrome is `esr`. */
export function instruction(frame: VcpuFrame, esr: u64): void {
  if ((frame.spsr & SPSR_AARCH32) == 0) frame.elr += 4;
  else aarch32(frame, esr);
}

/** Whether a trapped 32-bit instruction passes its condition: some CPUs trap one that fails it (G1.16.2). */
export function passes(frame: VcpuFrame, esr: u64): bool {
  let condition: u32;
  if ((esr & ISS_CV) != 0) {
    condition = ((esr >> ISS_COND_SHIFT) & 15) as u32;
  } else {
    const it = (frame.spsr & SPSR_T32) != 0 ? itState(frame.spsr) : 0;
    condition = it == 0 ? 14 : it >> 4;
  }
  const n = (frame.spsr >> 31) & 1;
  const z = (frame.spsr >> 30) & 1;
  const c = (frame.spsr >> 29) & 1;
  const v = (frame.spsr >> 28) & 1;
  let holds: bool;
  switch (condition >> 1) {
    case 0:
      holds = z == 1;
      break;
    case 1:
      holds = c == 1;
      break;
    case 2:
      holds = n == 1;
      break;
    case 3:
      holds = v == 1;
      break;
    case 4:
      holds = c == 1 && z == 0;
      break;
    case 5:
      holds = n == v;
      break;
    case 6:
      holds = n == v && z == 0;
      break;
    default:
      return true;
  }
  return holds != ((condition & 1) != 0);
}
