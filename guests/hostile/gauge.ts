// A guest that is beside hostile ones on a CPU of its own, and counts how often that CPU is interrupted while each attack lasts. Its doorbells are let
// through and never taken: each ring has to be seen to, however often.

import { VCPU_FACT_INTERRUPTS } from "../../build/gen/calls";
import { FIRST_SPI } from "../../build/gen/gic";
import { DOORBELL_SPI } from "../../build/gen/guest";
import * as console from "../lib/console";
import * as facts from "../lib/facts";
import * as gic from "../lib/gic";
import * as cpu from "../lib/hal/cpu";
import * as attacks from "./attacks";
import { ATTACKS } from "./attacks";
import * as stage from "./stage";

/** A VM has at most so many doorbells. */
const DOORBELLS: u32 = 8;

/** Until there are no turns any more. QEMU runs no other CPU under -icount until this one says that it waits. */
export function measure(): void {
  for (let bell: u32 = 0; bell < DOORBELLS; bell++) gic.enableShared(FIRST_SPI + DOORBELL_SPI + bell, true, 0);
  for (let turn: u64 = 1; ; turn++) {
    while (stage.turn() < turn) cpu.relax();
    const attack = stage.attack();
    if (attack == ATTACKS) return;
    const before = facts.ofVcpu(VCPU_FACT_INTERRUPTS);
    while (stage.isOn()) cpu.relax();
    const interrupts = facts.ofVcpu(VCPU_FACT_INTERRUPTS) - before;
    console.text(attacks.name(attack));
    console.line(":", "%d interrupts", interrupts);
  }
}
