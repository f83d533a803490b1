// Software-generated interrupts: ICC_SGI0R_EL1 and ICC_SGI1R_EL1 (Arm IHI 0069, 12.2.19 and 12.2.20), trapped. Targets that are not there are passed over.
//
//   63 56 55  48 47 44  41 40 39  32 31 28 27   24 23  16 15        0
//  | 0   | Aff3 | RS  |   |IRM| Aff2 |  0  | INTID | Aff1 | TargetList |

import { Vcpu } from "../vm/records";
import * as table from "../vm/table";
import * as vgic from "./vgic";

const IRM: u64 = (1 as u64) << 40;
/** Aff3, Aff2, Aff1 and RS: a VM's vCPUs are all in the cluster where they are 0. */
const CLUSTER: u64 = 0x00fff0ff00ff0000;
const LIST: u64 = 0xffff;

/** An SGI is for all others with IRM set, else for the listed ones of one cluster; it goes through if its group at the target is that of the register. */
export function send(vcpu: Vcpu, value: u64, group1: bool): void {
  const vm = vcpu.vm;
  const intid = ((value >> 24) & 15) as u32;
  const present = ((1 as u32) << vm.vcpus) - 1;
  let targets: u32;
  if ((value & IRM) != 0) targets = present & ~((1 as u32) << vcpu.id);
  else if ((value & CLUSTER) != 0) return;
  else targets = ((value & LIST) as u32) & present;
  for (; targets != 0; targets &= targets - 1) vgic.sendSgi(table.vcpu(vm, ctz<u32>(targets)), intid, group1);
}
