// Architecture calls of the SMC Calling Convention (DEN0028, 7): workarounds that a guest may ask the firmware for. What the firmware has is asked
// once, at boot; a guest's call goes through only for that. WORKAROUND_2 is not offered: it would switch a mitigation off for EL2 and
// for others as well.

import {
  NOT_SUPPORTED,
  PV_TIME_FEATURES,
  SMCCC_ARCH_FEATURES,
  SMCCC_ARCH_WORKAROUND_1,
  SMCCC_ARCH_WORKAROUND_3,
  SMCCC_VERSION,
  SUCCESS,
} from "../../build/gen/calls";
import * as cpu from "../hal/cpu";

/** What ARCH_FEATURES of the firmware says of WORKAROUND_1 and WORKAROUND_3: 0 or 1 as it says, or NOT_SUPPORTED. */
const answers: usize = memory.data(16, 8);

function ask(id: u32): u64 {
  const answer = cpu.smc(SMCCC_ARCH_FEATURES, id, 0, 0) as i32;
  return answer < 0 ? NOT_SUPPORTED : (answer as u64);
}

/** `firmware`: something answers SMC. */
export function init(firmware: bool): void {
  store<u64>(answers, firmware ? ask(SMCCC_ARCH_WORKAROUND_1) : NOT_SUPPORTED);
  store<u64>(answers + 8, firmware ? ask(SMCCC_ARCH_WORKAROUND_3) : NOT_SUPPORTED);
}

export function features(id: u64): u64 {
  switch (id as u32) {
    case SMCCC_VERSION:
    case SMCCC_ARCH_FEATURES:
    case PV_TIME_FEATURES:
      return SUCCESS;
    case SMCCC_ARCH_WORKAROUND_1:
      return load<u64>(answers);
    case SMCCC_ARCH_WORKAROUND_3:
      return load<u64>(answers + 8);
    default:
      return NOT_SUPPORTED;
  }
}

/** One of the two workarounds; returns what is in x0 then. */
export function workaround(id: u32): u64 {
  return features(id) == NOT_SUPPORTED ? NOT_SUPPORTED : cpu.smc(id, 0, 0, 0);
}
