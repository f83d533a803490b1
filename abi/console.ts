// What the hypervisor says to machines on its console. Log lines and the output of a VM share one serial line:
//
//   <6>[   12.345678] cpu0 vm1 sched: text      a log line (level, seconds since boot, CPU, VM if any, module)
//   <6>[   12.345678] halted: off               the last line of a run: every VM has powered itself off
//   <0>[   12.345678] halted: crash …           the last line of a run that failed, with the reason
//
// Before each log line the hypervisor writes MARK; where a VM's line is unfinished, MARK CR LF, so that a terminal shows the log line on a line
// of its own. A VM that prints MARK itself gets it written twice. So whoever separates the two loses no byte of a VM, adds none, and no VM can
// forge a log line (tool/console.ts).
//
// What the console itself says to whoever sits at a terminal (docs/consoles.md) is a line likewise, behind MARK and NOTE, or MARK and SWITCH.

export const consoleMarks = {
  /** U+001E, record separator. */
  MARK: 0x1e,
  /** U+001F, unit separator: a line of the console. */
  NOTE: 0x1f,
  /** U+001D, group separator: a line of the console, and what VMs print behind it comes from another one than before. */
  SWITCH: 0x1d,
  HALTED_OFF: "halted: off",
  HALTED_CRASH: "halted: crash",
};

/** Severities of RFC 5424, 6.2.1. */
export const severities = { EMERG: 0, ALERT: 1, CRIT: 2, ERR: 3, WARNING: 4, NOTICE: 5, INFO: 6, DEBUG: 7 };

/** The modules of the core that log, in the order of their ids: the names in log lines and in `log-levels`. */
export const logModules = ["main", "mmu", "cpu", "gic", "vm", "sched", "vgic", "vtimer", "vuart", "vrtc", "virtio", "smccc", "traps"];
