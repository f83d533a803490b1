// Physical interrupts: from the board's to whom they concern.

import { IN_GIC } from "../../build/gen/console";
import { INTID_SPECIAL } from "../../build/gen/gic";
import { Board } from "../drivers/board";
import * as gicv3 from "../drivers/gicv3";
import * as log from "../log/log";
import * as cpu from "../hal/cpu";
import * as cpus from "../sched/cpus";
import { Cpu, IPI, Request, Resched } from "../sched/cpus";
import * as sched from "../sched/sched";
import { Vcpu } from "../vm/records";
import * as boardVirtio from "./board-virtio";
import * as vgic from "./vgic";
import * as lists from "./vgic-lists";
import * as vtimer from "./vtimer";
import * as virtioConsole from "./virtio/console";
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

/** Once: names the interrupts that the hypervisor lives on, and lets the UART's through to this CPU. */
export function init(board: Board): void {
  sources.virtualTimer = board.virtualTimer;
  sources.hypervisorTimer = board.hypervisorTimer;
  sources.maintenance = board.maintenance;
  sources.uart = board.uartInterrupt == 0 ? INTID_SPECIAL : board.uartInterrupt;
  if (board.uartInterrupt != 0) gicv3.enableShared(board.uartInterrupt);
}

/** On each CPU: lets its own ones through. */
export function initCpu(): void {
  gicv3.enablePrivate(IPI);
  gicv3.enablePrivate(sources.virtualTimer);
  // Else requests of other CPUs, whose INTID is lower, could keep the end of a slice waiting for ever.
  gicv3.prefer(sources.hypervisorTimer);
  gicv3.enablePrivate(sources.hypervisorTimer);
  gicv3.enablePrivate(sources.maintenance);
}

/** What other CPUs, or this one, have asked of this one. */
function requested(self: Cpu): void {
  // One that has crashed wants all others to stop.
  cpu.relax();
  // Who waits for list registers holds a lock that all the rest may need: it comes first, and the rest when this CPU looks again.
  if (lists.serveFold()) return;
  const what = cpus.requests();
  if ((what & Request.SCHEDULE) != 0) self.resched = Resched.CHOOSE;
  if ((what & Request.LOOK) != 0) vgic.requested();
}

/** EL2's own timer: deadlines of vCPUs, what consoles have left, the end of a slice. */
function expire(self: Cpu): void {
  for (;;) {
    const vcpu = sched.expired(self);
    if (changetype<usize>(vcpu) == 0) break;
    vtimer.expired(vcpu);
  }
  if (sched.takeLater(self)) vuart.look(virtioConsole.settle());
}

/** The board's virtual timer stays active until the guest whose it is has ended its interrupt; that of nobody is late. */
function virtualTimer(vcpu: Vcpu): void {
  if (changetype<usize>(vcpu) == 0) gicv3.deactivate(sources.virtualTimer);
  else vgic.timerFired(vcpu);
}

/**
 * Handles what is pending on this CPU, until another vCPU may have to run: the rest comes when that is chosen, so that nobody keeps the CPU by interrupting
 * it again and again. False: none was.
 */
export function handle(): bool {
  const self = cpus.self();
  let any = false;
  while (self.resched != Resched.CHOOSE) {
    const intid = gicv3.acknowledge();
    if (intid >= INTID_SPECIAL) break;
    any = true;
    gicv3.dropPriority(intid);
    if (intid == sources.virtualTimer) {
      virtualTimer(self.loaded);
      continue;
    }
    // An SGI may come again while it is handled: what it stands for is looked at afterwards.
    if (intid == IPI) {
      gicv3.deactivate(intid);
      requested(self);
      continue;
    }
    if (intid == sources.hypervisorTimer) expire(self);
    else if (intid == sources.maintenance) {
      if (changetype<usize>(self.loaded) != 0) vgic.maintain(self.loaded);
    } else if (intid == sources.uart) vuart.boardInterrupt();
    else if (!boardVirtio.interrupt(intid)) {
      log.err(IN_GIC, "interrupt %d, which nobody asked for", intid);
      gicv3.disable(intid);
    }
    gicv3.deactivate(intid);
  }
  return any;
}
