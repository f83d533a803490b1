// Which rows of the catalogue of attacks (docs/security.md) guests show under QEMU, beside a Linux VM that must not notice: for each row the guests, folders
// of guests/, with the names of their cases. hostile.test.ts sees to it that each of these cases has run, and was answered as it should.

export type Guest = "hostile" | "wild" | "smp" | "controller" | "peers";

export const hostileRows: Readonly<Record<number, Readonly<Partial<Record<Guest, readonly string[]>>>>> = {
  1: { wild: ["ld64b", "sve-instruction", "sys-implementation-defined"] },
  2: { wild: ["hvc-immediate-1", "hvc-immediate-ffff", "smc-immediate-1"] },
  3: { wild: ["hvc-unknown-vendor", "smc-unknown-vendor", "hvc-zero", "hvc-all-ones"], hostile: ["call-storm"] },
  4: { wild: ["smc-sip", "smc-oem", "smc-trusted-application", "smc-trusted-os"], hostile: ["call-storm"] },
  5: { wild: ["junk-above-the-identifier", "junk-above-a-32-bit-argument"], hostile: ["call-storm"] },
  6: { wild: ["fact-unknown", "vcpu-fact-unknown"], peers: ["no-such-doorbell", "absurd-doorbell"], hostile: ["call-storm"] },
  7: {
    wild: ["write-huge", "write-wrapping", "write-from-device", "write-across-the-end", "write-from-alias", "write-misaligned"],
    hostile: ["buffer-games"],
  },
  8: { wild: ["hypercall-flood", "console-flood", "abort-flood"], hostile: ["call-storm", "console-flood", "log-flood"] },
  9: { wild: ["el0-breakpoint", "el0-sve", "el0-read-nothing", "el0-fetch-nothing"] },
  11: { wild: ["cpu-on-nobody", "cpu-on-absurd"], smp: ["cpu-on-other-cluster", "cpu-on-reserved-bit"], hostile: ["call-storm"] },
  12: { smp: ["cpu-on-by-two-at-once", "cpu-on-again"], hostile: ["cpu-on-storm"] },
  13: {
    wild: ["cpu-on-entry-outside"],
    smp: ["cpu-on-entry-in-a-device", "cpu-on-entry-nowhere"],
    hostile: ["cpu-on-storm"],
  },
  14: { wild: ["affinity-info-nobody", "affinity-info-absurd-level"], smp: ["affinity-info-absurd"], hostile: ["call-storm"] },
  15: { smp: ["cpu-off-and-on", "cpu-0-off-and-on"], hostile: ["reset-loop", "crash-loop"] },
  16: { wild: ["load-to-xzr", "store-from-xzr-wrote"] },
  17: { wild: ["read-implementation-defined", "write-implementation-defined", "read-s3-0-c11"] },
  18: {
    wild: ["read-pmcr", "read-amcr", "read-trcprgctlr", "read-zcr", "read-smcr", "read-gcr", "id-shows-nothing-hidden"],
  },
  19: { smp: ["vectors-are-kept", "el1-registers-are-kept"], wild: ["read-apiakeylo"], hostile: ["residue-hunt"] },
  20: { smp: ["cpu-on-registers-are-zero", "cpu-0-registers-are-zero"], hostile: ["new-life-is-clean"] },
  24: {
    wild: ["load-pair-uart", "store-write-back-uart", "load-vector-uart", "atomic-uart", "zero-block-uart"],
    hostile: ["abort-storm"],
  },
  25: { wild: ["clean-rom", "invalidate-rom", "clean-invalidate-device", "clean-device"], hostile: ["set-way-loop"] },
  26: { wild: ["write-rom", "write-byte-rom"], hostile: ["abort-storm"] },
  27: { wild: ["walk-in-device", "walk-in-nothing", "walk-in-device-fetch"], hostile: ["walk-games"] },
  28: { wild: ["fetch-nothing", "fetch-device"], hostile: ["walk-games"] },
  29: { wild: ["alias-ram-bit-39", "alias-ram-bit-32", "read-across-the-end", "read-behind-ram"], hostile: ["abort-storm"] },
  30: { wild: ["unaligned-half-uart", "across-the-end-of-uart", "read-double-uart", "write-byte-reserved-uart"] },
  31: { wild: ["unsigned-byte", "signed-byte-to-x", "signed-byte-to-w", "signed-half-to-x", "signed-word", "upper-half"] },
  32: { wild: ["rom-is-unchanged"], peers: ["read-only-aborts", "read-only-is-unchanged"], hostile: ["abort-storm"] },
  35: { wild: ["set-way-loop"], hostile: ["set-way-loop"] },
  38: { hostile: ["new-life-is-clean"] },
  39: { wild: ["sgis-to-nobody", "sgi-of-the-wrong-group"], hostile: ["sgi-storm"] },
  40: { wild: ["sgis-to-nobody"], smp: ["sgi-to-everybody-and-nobody", "sgi-to-all-others"], hostile: ["sgi-storm"] },
  41: { wild: ["all-16-sgis-once"], smp: ["all-16-sgis-to-each"], hostile: ["sgi-storm"] },
  42: {
    wild: ["read-all-of-distributor", "write-all-of-distributor", "write-all-of-redistributor"],
    hostile: ["distributor-storm"],
  },
  43: {
    wild: ["sgi-while-disabled", "sgi-enabled-while-pending"],
    smp: ["spi-pending-while-handled-comes-again", "spi-disabled-while-handled", "spi-made-inactive-while-handled"],
    hostile: ["distributor-storm"],
  },
  44: { smp: ["all-16-sgis-to-each"], hostile: ["maintenance-storm"] },
  46: {
    wild: ["wfi-with-masked-sgi", "wait-storm"],
    smp: ["wait-storm", "spinning-starves-nobody"],
    hostile: ["endless-spin", "wait-storm", "sleep-storm"],
  },
  47: { wild: ["vtimer-in-the-past", "ptimer-at-the-maximum", "vtimer-masked"], hostile: ["timer-storm", "sleep-storm"] },
  48: { hostile: ["exclusives"] },
  49: { peers: ["nobody-hears"], controller: ["made-and-destroyed"], hostile: ["doorbell-storm"] },
  50: { controller: ["made-and-destroyed"] },
  53: { controller: ["made-and-destroyed", "no-memory-lost", "no-page-of-tables-lost"] },
  54: { hostile: ["console-flood"] },
};
