// Virtio (OASIS Virtual I/O Device, version 1.2): the registers of virtio-mmio (4.2.2), split virtqueues (2.7), and what each device type has (5). Shared by
// the devices that guests see, the drivers of the board's, guests and tests.

/** Registers of a transport, from its base: 32 bits wide but for the configuration space. */
export const virtioMmio = {
  VIRTIO_MAGIC_VALUE: 0x000,
  VIRTIO_VERSION: 0x004,
  VIRTIO_DEVICE_ID: 0x008,
  VIRTIO_VENDOR_ID: 0x00c,
  VIRTIO_DEVICE_FEATURES: 0x010,
  VIRTIO_DEVICE_FEATURES_SEL: 0x014,
  VIRTIO_DRIVER_FEATURES: 0x020,
  VIRTIO_DRIVER_FEATURES_SEL: 0x024,
  VIRTIO_QUEUE_SEL: 0x030,
  VIRTIO_QUEUE_NUM_MAX: 0x034,
  VIRTIO_QUEUE_NUM: 0x038,
  VIRTIO_QUEUE_READY: 0x044,
  VIRTIO_QUEUE_NOTIFY: 0x050,
  VIRTIO_INTERRUPT_STATUS: 0x060,
  VIRTIO_INTERRUPT_ACK: 0x064,
  VIRTIO_STATUS: 0x070,
  VIRTIO_QUEUE_DESC_LOW: 0x080,
  VIRTIO_QUEUE_DESC_HIGH: 0x084,
  VIRTIO_QUEUE_DRIVER_LOW: 0x090,
  VIRTIO_QUEUE_DRIVER_HIGH: 0x094,
  VIRTIO_QUEUE_DEVICE_LOW: 0x0a0,
  VIRTIO_QUEUE_DEVICE_HIGH: 0x0a4,
  VIRTIO_SHM_LEN_LOW: 0x0b0,
  VIRTIO_SHM_BASE_HIGH: 0x0bc,
  VIRTIO_CONFIG_GENERATION: 0x0fc,
  VIRTIO_CONFIG: 0x100,

  /** Of the legacy interface (4.2.4), version 1. */
  VIRTIO_GUEST_PAGE_SIZE: 0x028,
  VIRTIO_QUEUE_ALIGN: 0x03c,
  VIRTIO_QUEUE_PFN: 0x040,
  VIRTIO_LEGACY: 1,

  /** "virt". */
  VIRTIO_MAGIC: 0x7472_6976,
  VIRTIO_MODERN: 2,
  /** Ours: "HLIT". */
  VIRTIO_VENDOR: 0x5449_4c48,
};

/** Bits of Status (2.1) and InterruptStatus (4.2.2). */
export const virtioStatus = {
  STATUS_ACKNOWLEDGE: 0x01,
  STATUS_DRIVER: 0x02,
  STATUS_DRIVER_OK: 0x04,
  STATUS_FEATURES_OK: 0x08,
  STATUS_NEEDS_RESET: 0x40,

  INTERRUPT_USED: 0x1,
  INTERRUPT_CONFIG: 0x2,
};

/** Feature bits that are no device's own (6). */
export const virtioFeatures = {
  F_INDIRECT_DESC: 1n << 28n,
  F_EVENT_IDX: 1n << 29n,
  F_VERSION_1: 1n << 32n,
};

/**
 * A split virtqueue (2.7):
 *
 *   descriptor: addr u64 | len u32 | flags u16 | next u16
 *   driver area: flags u16 | idx u16 | ring[size] u16 | used_event u16
 *   device area: flags u16 | idx u16 | ring[size] { id u32 | len u32 } | avail_event u16
 */
export const virtqueue = {
  /** The most entries that any queue of ours may have. */
  VIRTQUEUE_MAX: 256,
  DESC_BYTES: 16,
  DESC_F_NEXT: 1,
  DESC_F_WRITE: 2,
  DESC_F_INDIRECT: 4,
  DRIVER_F_NO_INTERRUPT: 1,
  DEVICE_F_NO_NOTIFY: 1,
};

/** A block device (5.2): feature bits, its configuration space, and requests: type u32 | reserved u32 | sector u64, data, status u8. */
export const virtioBlock = {
  BLOCK_F_SEG_MAX: 1n << 2n,
  BLOCK_F_RO: 1n << 5n,
  BLOCK_F_BLK_SIZE: 1n << 6n,
  BLOCK_F_FLUSH: 1n << 9n,
  BLOCK_F_DISCARD: 1n << 13n,
  BLOCK_F_WRITE_ZEROES: 1n << 14n,

  BLOCK_CAPACITY: 0,
  BLOCK_SEG_MAX: 12,
  BLOCK_BLK_SIZE: 20,
  BLOCK_MAX_DISCARD_SECTORS: 36,
  BLOCK_MAX_DISCARD_SEG: 40,
  BLOCK_DISCARD_SECTOR_ALIGNMENT: 44,
  BLOCK_MAX_WRITE_ZEROES_SECTORS: 48,
  BLOCK_MAX_WRITE_ZEROES_SEG: 52,
  BLOCK_WRITE_ZEROES_MAY_UNMAP: 56,
  BLOCK_CONFIG_BYTES: 60,

  BLOCK_HEADER: 16,
  BLOCK_T_IN: 0,
  BLOCK_T_OUT: 1,
  BLOCK_T_FLUSH: 4,
  BLOCK_T_GET_ID: 8,
  BLOCK_T_DISCARD: 11,
  BLOCK_T_WRITE_ZEROES: 13,
  BLOCK_S_OK: 0,
  BLOCK_S_IOERR: 1,
  BLOCK_S_UNSUPP: 2,
  /** Bytes of a serial number. */
  BLOCK_ID: 20,
  /** Bytes of a segment of DISCARD and WRITE_ZEROES: sector u64 | sectors u32 | flags u32. */
  BLOCK_SEGMENT: 16,
  SECTOR: 512,
};

/**
 * A network device (5.1): feature bits, its configuration space, and the header of each packet:
 *
 *   flags u8 | gso_type u8 | hdr_len u16 | gso_size u16 | csum_start u16 | csum_offset u16 | num_buffers u16
 */
export const virtioNet = {
  NET_F_CSUM: 1n << 0n,
  NET_F_GUEST_CSUM: 1n << 1n,
  NET_F_MAC: 1n << 5n,
  NET_F_GUEST_TSO4: 1n << 7n,
  NET_F_GUEST_TSO6: 1n << 8n,
  NET_F_HOST_TSO4: 1n << 11n,
  NET_F_HOST_TSO6: 1n << 12n,
  NET_F_MRG_RXBUF: 1n << 15n,
  NET_F_STATUS: 1n << 16n,

  NET_MAC: 0,
  NET_STATUS: 6,
  NET_S_LINK_UP: 1,

  NET_RECEIVE: 0,
  NET_TRANSMIT: 1,
  NET_HEADER: 12,
  /** Without num_buffers, as the legacy interface has it. */
  NET_HEADER_LEGACY: 10,
  NET_NUM_BUFFERS: 10,
  NET_HDR_F_NEEDS_CSUM: 1,
  NET_GSO_NONE: 0,
  NET_GSO_TCPV4: 1,
  NET_GSO_TCPV6: 4,
};

/**
 * A console device (5.3): feature bits, its configuration space, its queues, and the messages about its ports:
 *
 *   id u32 | event u16 | value u16 [name]
 */
export const virtioConsole = {
  CONSOLE_F_MULTIPORT: 1n << 1n,

  CONSOLE_MAX_PORTS: 4,

  /** Of port 0; those of port n > 0 are 2n + 2 and 2n + 3. */
  CONSOLE_RECEIVE: 0,
  CONSOLE_TRANSMIT: 1,
  CONSOLE_CONTROL_RECEIVE: 2,
  CONSOLE_CONTROL_TRANSMIT: 3,

  CONSOLE_DEVICE_READY: 0,
  CONSOLE_DEVICE_ADD: 1,
  CONSOLE_PORT_READY: 3,
  CONSOLE_CONSOLE_PORT: 4,
  CONSOLE_PORT_OPEN: 6,
  CONSOLE_PORT_NAME: 7,
};

/** Ethernet (IEEE 802.3): bytes of the addresses and the type, of a tag, of the largest frame and of the largest packet that is to be cut up. */
export const ethernet = {
  ETHERNET_HEADER: 14,
  ETHERNET_TAG: 4,
  ETHERNET_MAX: 1518,
  ETHERNET_MAX_GSO: 14 + 4 + 65_535,
  /** Of an address as six bytes in memory, read as a number: the group bit. */
  ETHERNET_GROUP: 1,
};

/** Device types (5). */
export const virtioDevices = {
  VIRTIO_NET: 1,
  VIRTIO_BLOCK: 2,
  VIRTIO_CONSOLE: 3,
  VIRTIO_ENTROPY: 4,
};
