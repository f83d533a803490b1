// The catalogue of attacks: what a hostile or broken guest does, and what must happen; drawn from advisories, fixes and open issues of Xen, KVM,
// Jailhouse, Bao, Hafnium, hvisor, libvmm, Minos, ACRN and Firecracker. The default verdict: the offender gets an exception, an error code, or its own
// end; every other VM, the console and the scheduler carry on; what it makes us log is rate-limited and never above `warning`.

export interface Row {
  readonly group: string;
  readonly what: string;
  /** Tests elsewhere that show the row, or parts of it, in full: paths from the repo's root. */
  readonly also?: readonly string[];
  /** Why there is no case, or none for a part of it: its subject does not exist yet. */
  readonly missing?: string;
}

const CORE = "test/unit/core";
const calls = `${CORE}/calls.test.ts`;
const psci = `${CORE}/psci.test.ts`;
const exceptions = `${CORE}/exceptions.test.ts`;
const systemRegisters = `${CORE}/system-registers.test.ts`;
const dataAbort = `${CORE}/data-abort.test.ts`;
const smp = `${CORE}/smp.test.ts`;
const stage2 = `${CORE}/stage2.test.ts`;
const create = `${CORE}/create.test.ts`;
const delivery = `${CORE}/gic-delivery.test.ts`;
const sgi = `${CORE}/sgi.test.ts`;
const timers = `${CORE}/clock-and-timers.test.ts`;
const board = `${CORE}/board.test.ts`;
const malformed = `${CORE}/malformed.test.ts`;

const group = (name: string, rows: readonly (readonly [what: string, more?: Omit<Row, "group" | "what">])[]): Row[] =>
  rows.map(([what, more]) => ({ group: name, what, ...more }));

/** Row n is the n-th one, from 1 on. */
export const catalogue: readonly Row[] = [
  ...group("Traps and calls", [
    ["Unknown or reserved exception class: UNDEFINED into the guest.", { also: [exceptions] }],
    ["HVC with another immediate than 0: not read as ours; the guest gets NOT_SUPPORTED or UNDEFINED.", { also: [exceptions] }],
    ["Unknown SMC/HVC function: x0 = -1; the PC advances for a trapped SMC, not for HVC.", { also: [psci] }],
    ["SMC to SiP, OEM or trusted-OS ranges: refused, never forwarded raw.", { also: [psci] }],
    ["32-bit calls with junk in the upper halves: masked.", { also: [psci, calls] }],
    ["Hypercall with a bad kind or a huge index: an error.", { also: [calls, `${CORE}/control.test.ts`] }],
    [
      "Hypercall buffer outside RAM, wrapping 2^64, misaligned, across unmapped pages, or changed while it is read: copied once, validated, error.",
      { also: [calls] },
    ],
    ["A flood of hypercalls or of log lines: limited; others keep their share.", { also: [`${CORE}/log.test.ts`] }],
    ["BRK, debug, PMU traps from the guest's EL0: to the guest's own lower-EL vector.", { also: [exceptions, systemRegisters] }],
    [
      "AArch32 conditional instruction that fails its condition and traps all the same: skipped.",
      { also: [`${CORE}/aarch32.test.ts`] },
    ],
  ]),
  ...group("PSCI", [
    ["CPU_ON for an MPIDR outside the VM: INVALID_PARAMETERS.", { also: [smp] }],
    ["CPU_ON of one vCPU from two at once: one success, the other ALREADY_ON or ON_PENDING.", { also: [smp] }],
    ["CPU_ON with an entry outside RAM: INVALID_ADDRESS, or an abort inside the guest.", { also: [smp] }],
    ["AFFINITY_INFO with absurd values: INVALID_PARAMETERS.", { also: [smp] }],
    [
      "CPU_OFF of the last vCPU; SYSTEM_OFF and SYSTEM_RESET from any vCPU: this VM alone stops or resets, everything freed.",
      { also: [smp, `${CORE}/taken-down.test.ts`, `${CORE}/reset.test.ts`] },
    ],
  ]),
  ...group("Registers and state", [
    ["MSR/MRS or MMIO through XZR: writes 0, loads are dropped.", { also: [systemRegisters, dataAbort] }],
    ["Implementation-defined system registers: UNDEFINED.", { also: [systemRegisters] }],
    ["PMU, AMU, trace, SVE, SME, MTE not granted: UNDEFINED, and the ID registers agree.", { also: [systemRegisters] }],
    [
      "Looking for what another VM left in FP/SIMD, TPIDR, PAuth keys, debug registers: never there.",
      { also: [`${CORE}/exchange.test.ts`] },
    ],
    ["First-run registers, stacks and memory: zero.", { also: [`${CORE}/boot.test.ts`, create] }],
    ["A restored or configured SPSR that names EL2 or a reserved mode: refused.", { also: ["test/sim/rules.test.ts"] }],
    ["SError provoked by a guest: that guest's, and never slips into the next.", { also: [exceptions] }],
    ["An exception inside EL2 must not unmask interrupts.", { also: ["test/boot/crash-el2.test.ts"] }],
  ]),
  ...group("Memory", [
    [
      "Abort on a device without a valid syndrome (LDP/STP, write-back, SIMD, atomics, DC ZVA): external abort into the guest.",
      { also: [dataAbort] },
    ],
    ["Cache maintenance on a read-only or device page (CM=1): ignored or injected.", { also: [dataAbort] }],
    ["Permission fault: HPFAR_EL2 is not to be used.", { also: [dataAbort] }],
    ["Stage-1 walk that lands in a device or unmapped IPA (S1PTW): an abort on the walk, not emulation.", { also: [dataAbort] }],
    ["Fetch from a device or an unmapped IPA: instruction abort.", { also: [dataAbort, exceptions] }],
    ["IPA aliasing by high bits; the last address of RAM plus one: fault.", { also: [stage2] }],
    [
      "Unaligned, straddling or wrong-width MMIO: a defined answer for each device.",
      { also: [dataAbort, `${CORE}/uart.test.ts`] },
    ],
    ["Sub-word and sign-extending loads: the exact value, no stale upper bits.", { also: [dataAbort] }],
    ["Write to a read-only share or ROM: abort, content unchanged.", { also: [stage2, `${CORE}/links.test.ts`] }],
    ["Access after unmap or unshare, from another vCPU that still had it in its TLB: fault.", { also: ["test/sim/tlb.test.ts"] }],
    [
      "Splitting or replacing a block next to live mappings: neighbours intact, break-before-make kept.",
      { also: [`${CORE}/door.test.ts`, "test/sim/rules.test.ts"] },
    ],
    ["Set/way cache loops: bounded, others not starved."],
    ["Exhausting page-table memory: an error within that VM's quota.", { also: [create] }],
    ["VMIDs exhausted, a create that fails half-way: clean unwind.", { also: [create] }],
    ["Freed RAM, boot images, message buffers: scrubbed, the tail too.", { also: [create, board] }],
  ]),
  ...group("Interrupts, time, scheduling", [
    ["Reserved filters and targets in SGI registers: ignored.", { also: [sgi, delivery] }],
    ["ICC_SGI1R to CPUs that are not there, or to all: the VM's own vCPUs only.", { also: [sgi] }],
    ["All 16 SGIs, and an SGI to oneself: delivered.", { also: [sgi, delivery] }],
    [
      "Byte, half, word and double access to every GIC register: touches those fields alone; unknown offsets are RAZ/WI.",
      { also: [`${CORE}/gic-registers.test.ts`] },
    ],
    [
      "Injection while disabled, enabling while pending, clearing while active: no list register is corrupted.",
      { also: [delivery, `${CORE}/gic-model.test.ts`, `${CORE}/shared-interrupts.test.ts`] },
    ],
    [
      "More pending interrupts than list registers; maintenance storms: none lost, none twice.",
      { also: [delivery, `${CORE}/exchange.test.ts`] },
    ],
    ["Board tables without an end marker (redistributors, device tree): bounded.", { also: [board, malformed] }],
    [
      "WFI with a masked pending interrupt; storms of WFI, WFE, YIELD; an endless spin: blocks and wakes right, preempted, nobody starves.",
      { also: [psci, `${CORE}/scheduling.test.ts`, `${CORE}/preemption.test.ts`] },
    ],
    [
      "Timer compare in the past, at the maximum, disabled, while descheduled: one wake, no storm.",
      { also: [timers, `${CORE}/lives.test.ts`] },
    ],
  ]),
  ...group("Sharing, devices, lifecycle, tool", [
    ["Contention by exclusives on a shared page: our loops are bounded."],
    ["Doorbell to a peer that is being torn down; mapping into a dying VM: safe.", { also: [`${CORE}/links.test.ts`] }],
    ["Teardown of a large VM: preemptible.", { also: [`${CORE}/memory.test.ts`] }],
    [
      "Queue notify before DRIVER_OK; rings or descriptors outside RAM, across its end, on top of each other.",
      { also: ["virtio", "virtio-console"].map((name) => `${CORE}/${name}.test.ts`) },
    ],
    [
      "Descriptor loops, overlong chains, zero sizes, index jumps, reset in flight, features never offered: device error state.",
      {
        also: [
          ...["virtio", "block", "net", "slices", "virtio-console"].map((name) => `${CORE}/${name}.test.ts`),
          "test/boot/in-flight.test.ts",
        ],
      },
    ],
    ["Create and destroy 10,000 times: nothing leaks, not one page.", { also: [`${CORE}/control.test.ts`, create] }],
    [
      "Console index out of range; terminal escapes in guest output: the host terminal is safe.",
      {
        also: [`${CORE}/console.test.ts`, "test/unit/tool/terminal-filter.test.ts", "test/unit/tool/terminal.test.ts"],
        missing: "consoles by index over the link: not yet, they come with it",
      },
    ],
    [
      "Configuration with overlaps, overflow, duplicates, too large an image, a missing file: one clear message each.",
      { also: ["test/unit/config.test.ts", "test/unit/tool/mistakes.test.ts", "test/unit/tool/config.test.ts"] },
    ],
    ["A corrupt bundle: an error, never a crash.", { also: [malformed, `${CORE}/manifest.test.ts`] }],
  ]),
];
