// The guest machine: a subset of QEMU's `virt`, so that what runs there runs here. The tool writes it into the guest's device
// tree, the core emulates it, the guests under guests/ use it.

export const guest = {
  RAM_BASE: 0x4000_0000,
  /** Where a raw binary is loaded by default, as an offset in RAM (the text_offset of Linux before 5.10). */
  RAW_LOAD: 0x8_0000,
  /** Where an arm64 Image is loaded, as an offset in RAM, to which its text_offset is added: 2 MiB, the device tree lies below. */
  IMAGE_LOAD: 0x20_0000,
  /** The highest IPA plus one: 39 bits (T0SZ 25). */
  IPA_LIMIT: 0x80_0000_0000,

  GICD_BASE: 0x0800_0000,
  GICD_SIZE: 0x1_0000,
  GICR_BASE: 0x080a_0000,
  /** RD_base and SGI_base frames of one vCPU. */
  GICR_STRIDE: 0x2_0000,
  UART_BASE: 0x0900_0000,
  UART_SIZE: 0x1000,
  RTC_BASE: 0x0901_0000,
  RTC_SIZE: 0x1000,
  /** A page that EL2 alone writes, as QEMU's virt has it: how long each vCPU has waited for a CPU (DEN0057), STOLEN_STRIDE bytes a vCPU. */
  STOLEN_BASE: 0x090a_0000,
  STOLEN_SIZE: 0x1000,
  STOLEN_STRIDE: 64,
  /** Memory shared between VMs lies here unless the configuration says where: SHARED_STRIDE is its alignment. */
  SHARED_BASE: 0x1000_0000,
  SHARED_STRIDE: 0x20_0000,
  /** virtio-mmio transports, VIRTIO_STRIDE bytes apart; transport n has SPI VIRTIO_SPI + n. */
  VIRTIO_BASE: 0x0a00_0000,
  VIRTIO_STRIDE: 0x200,

  /** SPI numbers, as they stand in a device tree; the INTID is 32 more. */
  UART_SPI: 1,
  RTC_SPI: 2,
  /** Doorbell n of a VM, edge-triggered, is SPI DOORBELL_SPI + n. */
  DOORBELL_SPI: 4,
  VIRTIO_SPI: 16,
  /** Rings that interrupt another CPU: a VM may make one in so many microseconds, or so many at once before it has to wait. */
  RING_MICROSECONDS: 25,
  RINGS_AT_ONCE: 16,
  /** INTIDs of the timers: PPI 11 and 14 in a device tree. */
  VTIMER_INTID: 27,
  PTIMER_INTID: 30,
  /** INTIDs that the guest's distributor implements: 32 private ones and 64 SPIs. */
  INTIDS: 96,

  /** The clock that feeds the PL011, in Hz. */
  UART_CLOCK: 24_000_000,
};
