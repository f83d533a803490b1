// Software-generated interrupts: ICC_SGI0R_EL1 and ICC_SGI1R_EL1 (Arm IHI 0069, 12.2.19 and 12.2.20), trapped. Targets that are not there are passed over.
//
//   63 56 55  48 47 44  41 40 39  32 31 28 27   24 23  16 15        0
//  | 0   | Aff3 | RS  |   |IRM| Aff2 |  0  | INTID | Aff1 | TargetList |

import { Vcpu } from "../vm/records";
import * as vgic from "./vgic";

const IRM: u64 = (1 as u64) << 40;
/** Of an MPIDR_EL1: the affinity within a cluster. */
const AFF0: u64 = 0xff;
/** Aff3, Aff2 and Aff1. */
const CLUSTER: u64 = 0x00ff00ff00ff0000;

/** An SGI is for all others with IRM set, else for the listed ones of one cluster; it goes through if its group at the target is that of the register. */
export function send(vcpu: Vcpu, value: u64, group1: bool): void {
  if ((value & IRM) != 0) return;
  const intid = ((value >> 24) & 15) as u32;
  const first = ((value >> 44) & 15) << 4;
  const own = vcpu.mpidr & AFF0;
  if ((value & CLUSTER) != 0 || own < first || own - first > 15 || ((value >> (own - first)) & 1) == 0) return;
  if ((((vcpu.irqs.group >> intid) & 1) != 0) == group1) vgic.raise(vcpu, intid);
}
