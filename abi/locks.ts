// The order of locks. A lock's record holds its place in it, so that the simulator knows a lock when it sees one, and which: it refuses a lock taken out of
// order.
//
//   31            8 7     0
//  |  0x4c4f43 LOC |  place |
//
// A CPU takes a lock only while it holds none that stands at the same place or behind it.

export const lockPlaces = {
  /** A VM's, one at a time (src/devices/guard.ts). */
  LOCK_VM: 0x4c4f_4301,
  /** A virtio device's, or that of the switch that it is a port of (src/devices/virtio/): one at a time. */
  LOCK_DEVICE: 0x4c4f_4302,
  /** The scheduler's (src/sched/sched.ts). */
  LOCK_SCHEDULER: 0x4c4f_4303,
  /** Memory's: frames and pages of tables (src/mmu/lock.ts). */
  LOCK_MEMORY: 0x4c4f_4304,
  /** The console's, for lines of the log and output of VMs (src/log/guard.ts). */
  LOCK_CONSOLE: 0x4c4f_4305,
  /** The arena's (src/lib/arena.ts) and the random generator's (src/lib/random.ts): whoever holds one takes no other. */
  LOCK_LAST: 0x4c4f_4306,
};
