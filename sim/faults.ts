// How a simulated run ends, other than by returning to the guest.

/** The core broke a rule of the machine: what would crash, corrupt or be UNPREDICTABLE on a board. Always a bug of ours. */
export class Violation extends Error {}

/** An access to a physical address where the board has nothing: an SError or worse. A device tree that lies can bring it about. */
export class Absent extends Violation {}

/** The firmware was told to switch the board off (PSCI SYSTEM_OFF): how every run is meant to end. */
export class PowerOff extends Error {
  constructor() {
    super("the board is off");
  }
}

/** The CPU was halted without the board being switched off. */
export class Halted extends Error {
  constructor() {
    super("the CPU is halted");
  }
}

/** The CPU sleeps and nothing will ever wake it. */
export class Asleep extends Error {
  constructor() {
    super("the CPU sleeps, and no interrupt will come");
  }
}

/** More HAL calls than the run may make: the core goes in circles. */
export class Endless extends Error {
  constructor(calls: number) {
    super(`${calls} HAL calls and no end`);
  }
}

/**
 * A CPU that was let in while another one waits in the middle of its exit waits for that very exit. On a board both would go on; whole exits one inside
 * the other cannot. It says nothing about the core.
 */
export class Entangled extends Error {
  constructor() {
    super("an exit waits for the one in whose middle it is");
  }
}
