// Doorbells: a VM rings one of its own, its peer gets an edge of the SPI of its own end (docs/guest-machine.md).
//
// A ring that finds the peer running on another CPU costs that CPU an interrupt, which the peer can neither mask nor refuse. So whoever rings on and on waits
// between such rings: a vCPU that has rung faster than once in RING_MICROSECONDS, RINGS_AT_ONCE rings aside, does not run until that is made up for.

import { DENIED, INVALID_PARAMETERS, SUCCESS, VM_PAUSED, VM_RUNNING } from "../../build/gen/calls";
import { FIRST_SPI } from "../../build/gen/gic";
import { DOORBELL_SPI, RING_MICROSECONDS, RINGS_AT_ONCE } from "../../build/gen/guest";
import * as guard from "../devices/guard";
import * as vgic from "../devices/vgic";
import * as timer from "../drivers/timer";
import * as sched from "../sched/sched";
import { Vcpu } from "../vm/records";
import * as table from "../vm/table";
import * as lifecycle from "./lifecycle";

/** Rings a doorbell of the VM: an edge at the peer, unless it cannot hear it. */
export function ring(vcpu: Vcpu, number: u64): u64 {
  if (number >= vcpu.vm.doorbells) return INVALID_PARAMETERS;
  const bell = table.doorbell(vcpu.vm, number as u32);
  const peer = table.vm(bell.peer);
  guard.enter(peer);
  const state = lifecycle.stateOf(peer);
  const hears = state == VM_RUNNING || state == VM_PAUSED;
  const interrupts = hears && vgic.raiseShared(peer, FIRST_SPI + DOORBELL_SPI + bell.number);
  guard.leave(peer);
  if (interrupts) pay(vcpu);
  return hears ? SUCCESS : DENIED;
}

/** Counts a ring that has interrupted another CPU. */
function pay(vcpu: Vcpu): void {
  const vm = vcpu.vm;
  const now = timer.now();
  const price = timer.counts(RING_MICROSECONDS);
  guard.enter(vm);
  vm.ringsPaid = max<u64>(vm.ringsPaid, now) + price;
  const ahead = vm.ringsPaid - now;
  guard.leave(vm);
  if (ahead > RINGS_AT_ONCE * price) sched.rest(vcpu, now + ahead - RINGS_AT_ONCE * price);
}
