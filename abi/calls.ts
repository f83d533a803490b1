// The calls a guest can make with HVC #0 (and SMC #0, trapped): SMC Calling Convention (DEN0028), PSCI 1.1 (DEN0022), TRNG (DEN0098)
// and the vendor-hypervisor range. One row a call; src/smccc/dispatch.ts has one handler for each row.

export interface Call {
  name: string;
  /** The function identifier; bit 30 says that it takes 64-bit arguments. */
  id: number;
  args: string;
  /** What x0 (and x1 to x3, where named) holds afterwards. */
  returns: string;
  doc: string;
}

const call = (name: string, id: number, args: string, returns: string, doc: string): Call => ({ name, id, args, returns, doc });

export const calls: Call[] = [
  call("SMCCC_VERSION", 0x8000_0000, "", "0x10001", "SMCCC 1.1"),
  call("SMCCC_ARCH_FEATURES", 0x8000_0001, "id", "0, or -1", "whether an architecture call exists"),
  call("SMCCC_ARCH_WORKAROUND_1", 0x8000_8000, "", "nothing", "Spectre v2: answered by ARCH_FEATURES only where the firmware has it"),
  call("SMCCC_ARCH_WORKAROUND_3", 0x8000_3fff, "", "nothing", "Spectre-BHB: likewise"),

  call("PSCI_VERSION", 0x8400_0000, "", "0x10001", "PSCI 1.1"),
  call("PSCI_CPU_SUSPEND_32", 0x8400_0001, "power_state, entry, context", "0, or an error", "waits for an interrupt; a power-down state is one that was woken before it was entered"),
  call("PSCI_CPU_SUSPEND_64", 0xc400_0001, "power_state, entry, context", "0, or an error", "likewise"),
  call("PSCI_CPU_OFF", 0x8400_0002, "", "does not return", "switches the calling vCPU off"),
  call("PSCI_CPU_ON_32", 0x8400_0003, "mpidr, entry, context", "0, or an error", "starts a vCPU at `entry` with x0 = context"),
  call("PSCI_CPU_ON_64", 0xc400_0003, "mpidr, entry, context", "0, or an error", "likewise"),
  call("PSCI_AFFINITY_INFO_32", 0x8400_0004, "mpidr, level", "0 on, 1 off, 2 pending, or an error", "the state of a vCPU"),
  call("PSCI_AFFINITY_INFO_64", 0xc400_0004, "mpidr, level", "0 on, 1 off, 2 pending, or an error", "likewise"),
  call("PSCI_MIGRATE_INFO_TYPE", 0x8400_0006, "", "2", "no trusted OS that would need migration"),
  call("PSCI_SYSTEM_OFF", 0x8400_0008, "", "does not return", "switches the VM off"),
  call("PSCI_SYSTEM_RESET", 0x8400_0009, "", "does not return", "resets the VM"),
  call("PSCI_FEATURES", 0x8400_000a, "id", "feature flags, or -1", "whether a PSCI call exists"),
  call("PSCI_SYSTEM_RESET2_32", 0x8400_0012, "type, cookie", "does not return, or an error", "type 0, a warm reset, is a reset of the VM"),
  call("PSCI_SYSTEM_RESET2_64", 0xc400_0012, "type, cookie", "does not return, or an error", "likewise"),

  call("TRNG_VERSION", 0x8400_0050, "", "0x10000", "TRNG 1.0; NOT_SUPPORTED without a seed"),
  call("TRNG_FEATURES", 0x8400_0051, "id", "0, or -1", "whether a TRNG call exists"),
  call("TRNG_GET_UUID", 0x8400_0052, "", "x0-x3: the UUID", "who makes the entropy"),
  call("TRNG_RND_32", 0x8400_0053, "bits (1 to 96)", "x0: 0, x1-x3: the bits", "random bits, right-aligned over x1:x2:x3"),
  call("TRNG_RND_64", 0xc400_0053, "bits (1 to 192)", "x0: 0, x1-x3: the bits", "random bits, right-aligned over x1:x2:x3"),

  call("PV_TIME_FEATURES", 0xc500_0020, "id", "0, or -1", "DEN0057: whether a call of paravirtualized time exists"),
  call("PV_TIME_ST", 0xc500_0021, "", "an IPA, or -1", "DEN0057: where the calling vCPU's stolen time is, and counted from now on"),

  call("VENDOR_UID", 0x8600_ff01, "", "x0-x3: the UID of Hyper-LITE", "DEN0028, 6.3: who answers the vendor range"),
  call("HL_NULL", 0xc600_0000, "", "0", "does nothing: what a round trip costs"),
  call("HL_VERSION", 0xc600_0001, "", "x0: major << 32 | minor << 16 | patch", "the version of Hyper-LITE"),
  call("HL_CONSOLE_WRITE", 0xc600_0002, "ipa, bytes", "bytes written, or an error", "writes up to 1,024 bytes of the VM's RAM to its console"),
  call("HL_YIELD", 0xc600_0003, "", "0", "gives the rest of the time slice away"),
  call("HL_VM_FACT", 0xc600_0004, "fact", "x0: 0 or an error, x1: the value", "a fact about the VM: see vmFacts"),
  call("HL_DOORBELL", 0xc600_0006, "number", "0, or an error", "rings doorbell `number` of the VM: its peer gets an interrupt"),
  call("HL_VCPU_FACT", 0xc600_0005, "fact", "x0: 0 or an error, x1: the value", "a fact about the calling vCPU: see vcpuFacts"),

  call("HL_VM_COUNT", 0xc600_0010, "", "how many VMs the system names, or an error", "VM control, for controllers alone; others get DENIED. VMs are numbered from 0"),
  call("HL_VM_STATE", 0xc600_0011, "vm", "x0: 0 or an error, x1: a state of vmStates, x2: how often it has crashed, x3: its vCPUs", "the state of a VM"),
  call("HL_VM_NAME", 0xc600_0012, "vm, offset (0 or 16)", "x0: 0 or an error, x1 and x2: 16 bytes of the name, the first lowest, zeros behind its end", "the name of a VM"),
  call("HL_VM_CREATE", 0xc600_0013, "vm", "0, or an error", "takes what the VM needs and maps it: ABSENT becomes OFF"),
  call("HL_VM_START", 0xc600_0014, "vm", "0, or an error", "fills its memory and runs it: OFF or CRASHED becomes RUNNING, by way of LOADING"),
  call("HL_VM_PAUSE", 0xc600_0015, "vm", "0, or an error", "takes its vCPUs off their CPUs: RUNNING becomes PAUSED"),
  call("HL_VM_RESUME", 0xc600_0016, "vm", "0, or an error", "PAUSED becomes RUNNING"),
  call("HL_VM_RESET", 0xc600_0017, "vm", "0, or an error", "as if it were switched off and on: any state but ABSENT and DESTROYING becomes LOADING"),
  call("HL_VM_STOP", 0xc600_0018, "vm", "0, or an error", "switches it off: any state but ABSENT and DESTROYING becomes OFF"),
  call("HL_VM_DESTROY", 0xc600_0019, "vm", "0, or an error", "stops it, clears its memory and gives everything back: DESTROYING, then ABSENT"),
  call("HL_VM_LINK", 0xc600_001a, "vm, net, up (0 or 1)", "0, or an error", "takes the link of the VM's network device `net`, from 0, down or up: its driver is told, and nothing passes while it is down"),
];

/** What the core may ask of the firmware by SMC; the HAL refuses every other identifier. */
export const firmwareCalls = [
  "PSCI_SYSTEM_OFF",
  "SMCCC_ARCH_FEATURES",
  "SMCCC_ARCH_WORKAROUND_1",
  "SMCCC_ARCH_WORKAROUND_3",
] as const;

/** Return values that are not an answer: SMCCC and PSCI share -1, the others are PSCI's (DEN0022, 5.2.2). */
export const callErrors = {
  SUCCESS: 0,
  NOT_SUPPORTED: -1,
  INVALID_PARAMETERS: -2,
  DENIED: -3,
  ALREADY_ON: -4,
  ON_PENDING: -5,
  INTERNAL_FAILURE: -6,
  INVALID_ADDRESS: -9,
  /** Ours, not PSCI's: too little memory is free, or the VM's quota of tables is too small. */
  NO_MEMORY: -10,
};

/** The errors of the TRNG calls (DEN0098, 2.1). */
export const trngErrors = {
  TRNG_NOT_SUPPORTED: -1,
  TRNG_INVALID_PARAMETERS: -2,
};

export const vmFacts = {
  VM_FACT_ID: 0,
  /** Bytes of RAM. */
  VM_FACT_MEMORY: 1,
  VM_FACT_VCPUS: 2,
  /** The board's physical count when the VM's first instruction was about to run. */
  VM_FACT_START_COUNT: 3,
  /** How many physical CPUs the hypervisor runs on. */
  VM_FACT_CPUS: 4,
  /** For controllers; others get DENIED: bytes of RAM that no VM has, and pages that are free for tables of stage 2. */
  VM_FACT_FREE_MEMORY: 5,
  VM_FACT_FREE_TABLES: 6,
};

/** States of a VM. LOADING: its memory is being cleared and filled. DESTROYING: its memory is being cleared and given back. */
export const vmStates = {
  VM_ABSENT: 0,
  VM_OFF: 1,
  VM_LOADING: 2,
  VM_RUNNING: 3,
  VM_PAUSED: 4,
  VM_CRASHED: 5,
  VM_DESTROYING: 6,
};

export const vcpuFacts = {
  VCPU_FACT_ID: 0,
  /** Exits to EL2 of this vCPU that were no interrupts. */
  VCPU_FACT_EXITS: 1,
  /** Physical interrupts taken while this vCPU ran. */
  VCPU_FACT_INTERRUPTS: 2,
  /** Counts of the board's counter that it has run for, up to its last exchange. */
  VCPU_FACT_RUN_TIME: 3,
  /** Counts that it was ready for, but waited. */
  VCPU_FACT_STOLEN: 4,
  /** How often it came onto a CPU in exchange for another vCPU. */
  VCPU_FACT_SWITCHES: 5,
  /** The number of the physical CPU that it is on now. */
  VCPU_FACT_CPU: 6,
};

/** The most bytes that one HL_CONSOLE_WRITE takes. */
export const callLimits = { CONSOLE_WRITE_MAX: 1024 };

/** Who answers the vendor-hypervisor range: 7a2d5c1e-94b3-4f60-8e17-3d0b6a9c52f4, as four words, the first byte lowest. */
export const vendorUid = { UID_0: 0x1e5c2d7a, UID_1: 0x604fb394, UID_2: 0x0b3d178e, UID_3: 0xf4529c6a };

/** Who makes the entropy of the TRNG calls, likewise: 715a3c9d-b5f2-474e-937a-1c0b20685ed3. */
export const trngUuid = { TRNG_UUID_0: 0x9d3c5a71, TRNG_UUID_1: 0x4e47f2b5, TRNG_UUID_2: 0x0b1c7a93, TRNG_UUID_3: 0xd35e6820 };

/** The version of Hyper-LITE, as HL_VERSION returns it. */
export const version = { VERSION_MAJOR: 0, VERSION_MINOR: 1, VERSION_PATCH: 0 };
