// Attacks by waiting, and by not doing so: a spin with interrupts masked, storms of every instruction that waits, sleeps as short as they come, timers that
// are due for ever.

import { HL_YIELD, PSCI_CPU_SUSPEND_64 } from "../../build/gen/calls";
import { CNT_CTL_ENABLE, CNT_CTL_IMASK } from "../../build/gen/controls";
import { PTIMER_INTID, VTIMER_INTID } from "../../build/gen/guest";
import * as sysreg from "../../build/guests/lib/sysreg";
import * as gic from "../lib/gic";
import * as call from "../lib/hal/call";
import * as cpu from "../lib/hal/cpu";
import * as timer from "../lib/timer";
import * as seen from "./seen";
import * as stage from "./stage";

/** The SGI that stays pending. */
const PENDING: u32 = 5;
const NEVER: u64 = 0xffffffffffffffff;
/** A hundred years and more: QEMU (7.2) adds CNTVOFF_EL2 to the virtual timer's, and hangs in a past deadline at the maximum. */
const FAR: u64 = (1 as u64) << 62;

/** With interrupts masked, and nothing that gives way. */
export function spin(): bool {
  for (let turns: u64 = 0; stage.isOn(); ) turns++;
  return true;
}

/** With an interrupt pending that is masked: none of these waits, and it comes once, at the end. */
export function storm(): bool {
  const before = seen.count(PENDING);
  gic.sendToSelf(PENDING);
  while (stage.isOn()) {
    cpu.wfi();
    cpu.wfe();
    cpu.relax();
    call.hvc(HL_YIELD, 0, 0, 0);
    call.hvc(PSCI_CPU_SUSPEND_64, 0, 0, 0);
    gic.sendToSelf(PENDING);
  }
  seen.admit();
  return seen.count(PENDING) - before == 1;
}

/** A microsecond each, as often as that goes. */
export function sleeps(): bool {
  let early: u32 = 0;
  while (stage.isOn()) {
    const deadline = cpu.count() + timer.counts(1);
    const before = seen.count(VTIMER_INTID);
    timer.set(deadline);
    while (seen.count(VTIMER_INTID) == before) {
      cpu.wfi();
      seen.admit();
    }
    if (cpu.count() < deadline) early++;
  }
  return early == 0;
}

/** Both timers in the past, interrupts let in: each time that one is set it comes once; far ahead or masked, never. */
export function timers(): bool {
  let wrong: u32 = 0;
  while (stage.isOn()) {
    const before = seen.count(VTIMER_INTID) + seen.count(PTIMER_INTID);
    sysreg.writeCntvCvalEl0(0);
    sysreg.writeCntvCtlEl0(CNT_CTL_ENABLE);
    sysreg.writeCntpCvalEl0(0);
    sysreg.writeCntpCtlEl0(CNT_CTL_ENABLE);
    cpu.isb();
    cpu.wfi();
    for (let n: u32 = 0; n < 4; n++) seen.admit();
    if (seen.count(VTIMER_INTID) + seen.count(PTIMER_INTID) != before + 2) wrong++;
    sysreg.writeCntvCvalEl0(FAR);
    sysreg.writeCntvCtlEl0(CNT_CTL_ENABLE);
    sysreg.writeCntpCvalEl0(NEVER);
    sysreg.writeCntpCtlEl0(CNT_CTL_ENABLE);
    seen.admit();
    sysreg.writeCntvCtlEl0(CNT_CTL_ENABLE | CNT_CTL_IMASK);
    sysreg.writeCntvCvalEl0(0);
    sysreg.writeCntpCtlEl0(CNT_CTL_ENABLE | CNT_CTL_IMASK);
    sysreg.writeCntpCvalEl0(0);
    seen.admit();
    if (seen.count(VTIMER_INTID) + seen.count(PTIMER_INTID) != before + 2) wrong++;
    sysreg.writeCntvCtlEl0(0);
    sysreg.writeCntpCtlEl0(0);
  }
  return wrong == 0;
}
