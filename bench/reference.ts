// What the figures are held against: the limits that must hold, and the peers' figures (facts.md: QEMU 7.2, `-icount shift=0`, one CPU, the
// guest at EL1, averages of 65,536, the loop around the operation included).

export interface Reference {
  /** As the table names it. */
  readonly title: string;
  /** The most that the median may be. */
  readonly limit?: number;
  /** Natively at EL1; KVM 6.1 nVHE on cortex-a57; KVM 6.1 VHE on `max`; Xen 4.17, domU. */
  readonly native?: number;
  readonly kvm?: number;
  readonly kvmVhe?: number;
  readonly xen?: number;
}

/** In the order of the table, by the names that guests/bench prints. */
export const operations: Readonly<Record<string, Reference>> = {
  "empty-loop": { title: "the loop alone" },
  "null-hypercall": { title: "null hypercall", limit: 100, native: 12, kvm: 1531, kvmVhe: 1036, xen: 430 },
  "psci-version": { title: "PSCI_VERSION", native: 12, kvm: 1582, kvmVhe: 1088, xen: 482 },
  "id-register": { title: "trapped ID register", limit: 130, native: 11, kvm: 1935, kvmVhe: 1442, xen: 442 },
  "uart-read": { title: "emulated UART read", limit: 180, native: 14, kvm: 6986, kvmVhe: 6686, xen: 648 },
  "distributor-read": { title: "emulated distributor read", limit: 180, native: 15, kvm: 2328, kvmVhe: 1843, xen: 608 },
  "sgi-to-self": { title: "SGI to oneself, handled", native: 529, kvm: 3495, kvmVhe: 3033, xen: 1625 },
  "timer-spinning": { title: "virtual timer, spinning", native: 146, kvm: 5840, kvmVhe: 4865, xen: 1056 },
  "wfi-timer": { title: "WFI until a 200 µs timer", native: 145, kvm: 7100, kvmVhe: 5900, xen: 4350 },
  "first-touch": { title: "first touch of a 4 KiB page", native: 17, kvm: 8082, kvmVhe: 7218, xen: 17 },
  "sgi-ping-pong": {
    title: "SGI ping-pong of 2 vCPUs on a CPU",
    limit: 4000,
    native: 1066,
    kvm: 27570,
    kvmVhe: 25552,
    xen: 12023,
  },
  "vcpu-switch": { title: "switch between vCPUs of 2 VMs", limit: 700 },
  "doorbell-round-trip": { title: "doorbell between 2 VMs, and back" },
  "block-read": { title: "read of 4 KiB from a disk in RAM", limit: 2500 },
};

/** Xen: 22.6 M and 0.1 M for each MiB of the guest; KVM boots a host first. */
export const starts: Readonly<Record<string, Reference>> = {
  "start-unscrubbed": {
    title: "reset to first instruction, 64 MB",
    limit: 3_000_000,
    kvm: 980_000_000,
    kvmVhe: 980_000_000,
    xen: 22_600_000,
  },
  "start-scrubbed": { title: "  with boot scrubbing", kvm: 980_000_000, kvmVhe: 980_000_000, xen: 22_600_000 },
};

export const linuxStarts: Readonly<Record<string, Reference>> = {
  "linux-native": { title: "Linux, reset to shell, natively" },
  "linux-vm": {
    title: "Linux, reset to shell, in a VM",
    native: 902_000_000,
    kvm: 954_000_000,
    kvmVhe: 947_000_000,
    xen: 943_000_000,
  },
};

/** TCP between two VMs on one CPU: instructions at EL2 for each byte. */
export const transfers: Readonly<Record<string, Reference & { readonly offload: boolean }>> = {
  "tcp-offload": { title: "up to 64 KiB at a time", limit: 0.5, offload: true },
  "tcp-frames": { title: "a frame at a time", limit: 3, offload: false },
};
