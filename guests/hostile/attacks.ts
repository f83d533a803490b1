// The repertoire of a hostile guest, by number: what vCPU 0 does, and what a further vCPU does meanwhile. Each attack lasts until the turn ends, and then
// tells whether every answer was the right one.

import * as calls from "./calls";
import * as interrupts from "./interrupts";
import * as lives from "./lives";
import * as memoryAttacks from "./memory";
import * as peers from "./peers";
import * as queues from "./queues";
import * as residue from "./residue";
import * as rings from "./rings";
import * as waits from "./waits";

const enum Attack {
  CALLS = 0,
  CONSOLE = 1,
  BUFFERS = 2,
  LINES = 3,
  SPIN = 4,
  WAITS = 5,
  SLEEPS = 6,
  TIMERS = 7,
  SGIS = 8,
  OVERFLOW = 9,
  REGISTERS = 10,
  WALKS = 11,
  MAINTENANCE = 12,
  READ_ONLY = 13,
  EXCLUSIVES = 14,
  RESIDUE = 15,
  DOORBELLS = 16,
  QUEUES = 17,
  RINGS = 18,
  CPUS = 19,
  RESETS = 20,
  CRASHES = 21,
}
export const ATTACKS: u32 = 22;

export function name(attack: u32): string {
  switch (attack) {
    case Attack.CALLS:
      return "call-storm";
    case Attack.CONSOLE:
      return "console-flood";
    case Attack.BUFFERS:
      return "buffer-games";
    case Attack.LINES:
      return "log-flood";
    case Attack.SPIN:
      return "endless-spin";
    case Attack.WAITS:
      return "wait-storm";
    case Attack.SLEEPS:
      return "sleep-storm";
    case Attack.TIMERS:
      return "timer-storm";
    case Attack.SGIS:
      return "sgi-storm";
    case Attack.OVERFLOW:
      return "maintenance-storm";
    case Attack.REGISTERS:
      return "distributor-storm";
    case Attack.WALKS:
      return "walk-games";
    case Attack.MAINTENANCE:
      return "set-way-loop";
    case Attack.READ_ONLY:
      return "abort-storm";
    case Attack.EXCLUSIVES:
      return "exclusives";
    case Attack.RESIDUE:
      return "residue-hunt";
    case Attack.DOORBELLS:
      return "doorbell-storm";
    case Attack.QUEUES:
      return "queue-games";
    case Attack.RINGS:
      return "ring-games";
    case Attack.CPUS:
      return "cpu-on-storm";
    case Attack.RESETS:
      return "reset-loop";
    default:
      return "crash-loop";
  }
}

/** Whether an attack is the leader's alone. */
export function isAlone(attack: u32): bool {
  return attack >= (Attack.CPUS as u32);
}

/** What vCPU 0 of a VM does; returns whether all was right. Some attacks do not return: the VM starts anew, and `lives.survived` tells. */
export function perform(attack: u32): bool {
  switch (attack) {
    case Attack.CALLS:
      return calls.storm();
    case Attack.CONSOLE:
      return calls.flood();
    case Attack.BUFFERS:
      return calls.buffers();
    case Attack.LINES:
      return calls.lines();
    case Attack.SPIN:
      return waits.spin();
    case Attack.WAITS:
      return waits.storm();
    case Attack.SLEEPS:
      return waits.sleeps();
    case Attack.TIMERS:
      return waits.timers();
    case Attack.SGIS:
      return interrupts.sgis();
    case Attack.OVERFLOW:
      return interrupts.overflow();
    case Attack.REGISTERS:
      return interrupts.registers() && interrupts.works();
    case Attack.WALKS:
      return memoryAttacks.walks();
    case Attack.MAINTENANCE:
      return memoryAttacks.maintenance();
    case Attack.READ_ONLY:
      return memoryAttacks.readOnly();
    case Attack.EXCLUSIVES:
      return memoryAttacks.exclusives();
    case Attack.RESIDUE:
      return residue.hunt();
    case Attack.DOORBELLS:
      return peers.storm();
    case Attack.QUEUES:
      return queues.games();
    case Attack.RINGS:
      return rings.games();
    case Attack.CPUS:
      return lives.cpus();
    case Attack.RESETS:
      return lives.reset();
    default:
      return lives.crash();
  }
}

/** What a further vCPU does. The one instruction that can be chosen is vCPU 0's. */
export function assist(attack: u32): bool {
  switch (attack) {
    case Attack.SPIN:
    case Attack.MAINTENANCE:
    case Attack.LINES:
      return waits.spin();
    case Attack.WAITS:
    case Attack.SLEEPS:
    case Attack.TIMERS:
      return waits.sleeps();
    case Attack.SGIS:
      interrupts.answer();
      return true;
    case Attack.REGISTERS:
      return interrupts.registers();
    case Attack.EXCLUSIVES:
      return memoryAttacks.exclusives();
    case Attack.RESIDUE:
      return residue.hunt();
    case Attack.DOORBELLS:
      return peers.storm();
    case Attack.CPUS:
      return true;
    default:
      return calls.storm();
  }
}
