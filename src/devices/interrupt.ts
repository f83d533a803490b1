// Physical interrupts: from the board's to whom they concern.

import { IN_GIC } from "../../build/gen/console";
import { INTID_SPECIAL } from "../../build/gen/gic";
import { Board } from "../drivers/board";
import * as gicv3 from "../drivers/gicv3";
import * as log from "../log/log";
import { Vcpu } from "../vm/records";
import * as vgic from "./vgic";
import * as vrtc from "./vrtc";
import * as vtimer from "./vtimer";
import * as vuart from "./vuart";

/** Which INTID means what on this board. */
@unmanaged
class Sources {
  virtualTimer: u32;
  hypervisorTimer: u32;
  maintenance: u32;
  uart: u32;
}
const sources = changetype<Sources>(memory.data(16, 4));

/** Lets the interrupts through that the hypervisor lives on. */
export function init(board: Board): void {
  sources.virtualTimer = board.virtualTimer;
  sources.hypervisorTimer = board.hypervisorTimer;
  sources.maintenance = board.maintenance;
  sources.uart = board.uartInterrupt == 0 ? INTID_SPECIAL : board.uartInterrupt;
  gicv3.enablePrivate(board.virtualTimer);
  gicv3.enablePrivate(board.hypervisorTimer);
  gicv3.enablePrivate(board.maintenance);
  if (board.uartInterrupt != 0) gicv3.enableShared(board.uartInterrupt);
}

/** Handles what is pending on this CPU, for the vCPU that is on it. */
export function handle(vcpu: Vcpu): void {
  for (;;) {
    const intid = gicv3.acknowledge();
    if (intid >= INTID_SPECIAL) return;
    gicv3.dropPriority(intid);
    if (intid == sources.virtualTimer) {
      // Stays active on the board until the guest has ended it.
      vgic.timerFired(vcpu);
      continue;
    }
    if (intid == sources.hypervisorTimer) {
      vrtc.update(vcpu);
      vtimer.update(vcpu);
    } else if (intid == sources.maintenance) vgic.maintain(vcpu);
    else if (intid == sources.uart) vuart.pull(vcpu);
    else {
      log.err(IN_GIC, "interrupt %d, which nobody asked for", intid);
      gicv3.disable(intid);
    }
    gicv3.deactivate(intid);
  }
}
