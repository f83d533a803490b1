// A guest with a hard period: it works each time its virtual timer comes to an absolute deadline, a period behind the one before, and measures how late
// that was. A line each `report` periods; on for ever, or for `periods` of them. Its command line may say: `period` (microseconds, 1,000 by default),
// `limit` (microseconds of lateness that miss a deadline, 100), `report` (10,000), `periods` (0: no end).

import { VTIMER_INTID } from "../../build/gen/guest";
import * as bootargs from "../lib/bootargs";
import * as console from "../lib/console";
import * as gic from "../lib/gic";
import * as cpu from "../lib/hal/cpu";
import * as mmu from "../lib/mmu";
import * as power from "../lib/power";
import * as timer from "../lib/timer";
import { IRQ } from "../lib/vectors";

@unmanaged
class Tick {
  /** The latest deadline that has been met, and when its handler began. */
  met: u64;
  at: u64;
  /** The one that the timer is set to. */
  next: u64;
}
const tick = changetype<Tick>(memory.data(24, 8));

/** The largest lateness and the missed deadlines since the latest report. */
@unmanaged
class Lateness {
  worst: u64;
  missed: u64;
}
const lateness = changetype<Lateness>(memory.data(16, 8));

export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  const now = cpu.count();
  if (kind != IRQ) power.unexpected(kind, esr, far, elr);
  const intid = gic.acknowledge();
  if (intid == VTIMER_INTID) {
    timer.cancel();
    tick.at = now;
    tick.met = tick.next;
    cpu.isb();
  }
  gic.end(intid);
  return elr;
}

/** Waits for the deadline in WFI; counts the time that the handler began behind it. */
function meet(deadline: u64, limit: u64): void {
  tick.next = deadline;
  timer.set(deadline);
  while (tick.met != deadline) {
    cpu.wfi();
    cpu.unmask();
    cpu.isb();
    cpu.mask();
  }
  const late = tick.at - deadline;
  lateness.worst = max<u64>(lateness.worst, late);
  if (late > limit) lateness.missed++;
}

function report(periods: u64): void {
  console.line(
    "periodic",
    "%d periods, at most %d ns late, %d missed",
    periods,
    timer.nanoseconds(lateness.worst),
    lateness.missed,
  );
  lateness.worst = 0;
  lateness.missed = 0;
}

export function main(fdt: u64): void {
  console.init();
  const period = timer.counts(bootargs.number("period", 1000));
  const limit = timer.counts(bootargs.number("limit", 100));
  const each = bootargs.number("report", 10000);
  const all = bootargs.number("periods", 0);
  mmu.init();
  gic.init();
  gic.enable(VTIMER_INTID);
  console.line("periodic", "each %d us", (period * 1000000) / timer.counts(1000000));
  let deadline = cpu.count() + period;
  for (let done: u64 = 1; ; done++) {
    meet(deadline, limit);
    deadline += period;
    if (done % each == 0) report(done);
    if (done == all) break;
  }
  console.text("periodic: done\r\n");
  power.off();
}
