// What the hypervisor says to machines on its console. Log lines and the output of a VM share one serial line:
//
//   <6>[   12.345678] cpu0 vm1 sched: text      a log line (level, seconds since boot, CPU, VM if any, module)
//   <6>[   12.345678] halted: off               the last line of a run: every VM has powered itself off
//   <0>[   12.345678] halted: crash …           the last line of a run that failed, with the reason
//
// A log line always starts at the start of a line. Where a VM's line was unfinished, the hypervisor writes LINE_BREAK first: whoever
// separates the two takes it out again, a terminal shows it as a new line.

export const consoleMarks = {
  /** U+001E (record separator), then CR LF. */
  LINE_BREAK: "\u001e\r\n",
  HALTED_OFF: "halted: off",
  HALTED_CRASH: "halted: crash",
};

/** Severities of RFC 5424, 6.2.1. */
export const severities = { EMERG: 0, ALERT: 1, CRIT: 2, ERR: 3, WARNING: 4, NOTICE: 5, INFO: 6, DEBUG: 7 };

/** The modules of the core that log, in the order of their ids: the names in log lines and in `log-levels`. */
export const logModules = ["main", "mmu", "cpu", "gic", "vm", "sched", "vgic", "vtimer", "vuart", "vrtc", "smccc", "traps"];
