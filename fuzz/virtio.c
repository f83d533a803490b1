// The board's virtio devices, a disk, a network device and a console device behind its first transports (virtio 1.2, 4.2, 2.7); what sim/board-virtio.ts is, and board-devices.ts
// has do. Until the system is up they answer at once; then events of the input say what they do. (An entropy device is asked at boot alone: no input comes to it.)
#include "board.h"

#include <string.h>

#define STRIDE 0x200
#define DEVICES 3
#define QUEUES 2
#define MAX_CHAIN 4
#define QUEUE_MAX 256

enum { DISK, NET, CONSOLE };
static const u32 types[] = {VIRTIO_BLOCK, VIRTIO_NET, VIRTIO_CONSOLE};

// A device tree that is the input may lie about the board: there are no devices then that what is wrong would be done to.
static bool exists(u32 n) {
#ifdef TARGET_fdt
  (void)n;
  return false;
#else
  return n < DEVICES;
#endif
}
static struct virtio_device *device(u32 n) { return &board.virtio[n]; }

static u16 read16(u64 pa) {
  u16 value;
  memcpy(&value, ram_at(pa, 2), 2);
  return value;
}
static void write16(u64 pa, u16 value) { memcpy(ram_to_write(pa, 2), &value, 2); }
static void write32(u64 pa, u32 value) { memcpy(ram_to_write(pa, 4), &value, 4); }

// --- the device at work

struct buffer {
  u64 at;
  u32 bytes;
  u16 flags, next;
};

// The buffers of a chain; returns how many.
static u32 buffers_of(const struct virtio_queue *queue, u32 head, struct buffer *buffers) {
  for (u32 n = 0, index = head;; index = buffers[n++].next) {
    REQUIRE(n < MAX_CHAIN && index < queue->size, "the core offers the board a chain that it should not");
    memcpy(&buffers[n], ram_at(queue->area[0] + index * DESC_BYTES, DESC_BYTES), DESC_BYTES);
    if (!(buffers[n].flags & DESC_F_NEXT)) return n + 1;
  }
}

// The next chain that the core has offered; -1: none.
static int take(struct virtio_device *of, u32 n) {
  struct virtio_queue *queue = &of->queues[n];
  if (!(of->status & STATUS_DRIVER_OK) || !queue->ready || read16(queue->area[1] + 2) == queue->taken) return -1;
  return read16(queue->area[1] + 4 + 2 * (queue->taken++ % queue->size));
}

static void give(struct virtio_device *of, u32 n, u32 head, u32 bytes) {
  struct virtio_queue *queue = &of->queues[n];
  if (!queue->ready) return;
  u64 entry = queue->area[2] + 4 + 8 * (queue->used % queue->size);
  write32(entry, head);
  write32(entry + 4, bytes);
  write16(queue->area[2] + 2, ++queue->used);
  if (!(read16(queue->area[1]) & DRIVER_F_NO_INTERRUPT)) of->interrupt |= INTERRUPT_USED;
}

// What the disk was asked and has not answered.
static void look(struct virtio_device *of) {
  for (int head; of->waiting < sizeof(of->heads) && (head = take(of, 0)) >= 0;) of->heads[of->waiting++] = head;
}

// Ends a request: the last byte is its status, those that the disk writes before are all the same, or its serial number.
static void answer(struct virtio_device *of, u32 which, u8 status, u8 fill, const char *serial) {
  struct buffer buffers[MAX_CHAIN];
  u32 head = of->heads[which], count = buffers_of(&of->queues[0], head, buffers), bytes = 0;
  memmove(of->heads + which, of->heads + which + 1, --of->waiting - which);
  for (u32 n = 0; n < count; n++) {
    if (!(buffers[n].flags & DESC_F_WRITE)) continue;
    u8 *at = ram_to_write(buffers[n].at, buffers[n].bytes);
    if (n == count - 1) at[0] = status;
    else if (serial != NULL) strncpy((char *)at, serial, buffers[n].bytes);
    else memset(at, fill, buffers[n].bytes);
    bytes += buffers[n].bytes;
  }
  give(of, 0, head, bytes);
}

static void comes(struct virtio_device *of, const struct event *e) {
  int head = take(of, NET_RECEIVE);
  if (head < 0) return;
  struct buffer buffers[MAX_CHAIN];
  REQUIRE(buffers_of(&of->queues[NET_RECEIVE], head, buffers) == 1, "a buffer to receive is in pieces");
  u32 bytes = FRAME_AT + (e->c & 0xffff);
  if (bytes > buffers[0].bytes) bytes = buffers[0].bytes;
  u32 start = bytes < sizeof(frame_starts[0]) ? bytes : sizeof(frame_starts[0]);
  memcpy(ram_to_write(buffers[0].at, start), frame_starts[e->b], start);
  give(of, NET_RECEIVE, head, bytes);
}

static void typed(struct virtio_device *of, const struct event *e) {
  int head = take(of, CONSOLE_RECEIVE);
  if (head < 0) return;
  struct buffer buffers[MAX_CHAIN];
  REQUIRE(buffers_of(&of->queues[CONSOLE_RECEIVE], head, buffers) == 1, "a buffer to receive is in pieces");
  u32 bytes = e->c & 0xffff;
  if (bytes > buffers[0].bytes) bytes = buffers[0].bytes;
  if (bytes != 0) memset(ram_to_write(buffers[0].at, bytes), e->d & 0xff, bytes);
  give(of, CONSOLE_RECEIVE, head, bytes);
}

// By the same queue whatever the device is.
static void sent(struct virtio_device *of) {
  for (int head; (head = take(of, NET_TRANSMIT)) >= 0;) give(of, NET_TRANSMIT, head, 0);
}

void virtio_event(const struct event *e) {
  struct virtio_device *disk = device(DISK), *net = device(NET), *console = device(CONSOLE);
  switch (e->a % BOARD_ACTS) {
    case ACT_DISK:
      look(disk);
      if (disk->waiting != 0) answer(disk, e->b % disk->waiting, e->c & 0xff, e->d & 0xff, NULL);
      break;
    case ACT_COMES: comes(net, e); break;
    case ACT_SENT: sent(net); break;
    case ACT_DISK_LIES: give(disk, 0, e->c, e->d); break;
    case ACT_NET_LIES: give(net, e->b % QUEUES, e->c, e->d); break;
    case ACT_TYPED: typed(console, e); break;
    case ACT_READ: sent(console); break;
    case ACT_CONSOLE_LIES: give(console, e->b % QUEUES, e->c, e->d); break;
  }
  run_settle();
}

static void kicked(struct virtio_device *of, u32 queue) {
  REQUIRE(of->status & STATUS_DRIVER_OK, "the core kicks a device of the board before DRIVER_OK");
  if (of != device(DISK) || board.is_up) return;
  REQUIRE(queue == 0, "the core kicks queue %u of a disk", queue);
  for (look(of); of->waiting != 0; look(of)) answer(of, 0, BLOCK_S_OK, 0, DISK_SERIAL);
}

// --- registers

bool virtio_line(u32 n) { return exists(n) && device(n)->interrupt != 0; }

u64 virtio_read(u64 offset) {
  u32 n = offset / STRIDE, at = offset % STRIDE;
  // Transports with no device behind them.
  if (!exists(n)) return 0;
  struct virtio_device *of = device(n);
  if (at >= VIRTIO_CONFIG) {
    u32 value;
    if (at + 4 > VIRTIO_CONFIG + sizeof(virtio_configs[0])) return 0;
    memcpy(&value, virtio_configs[n] + (at - VIRTIO_CONFIG), 4);
    return value;
  }
  switch (at) {
    case VIRTIO_MAGIC_VALUE: return VIRTIO_MAGIC;
    case VIRTIO_VERSION: return VIRTIO_MODERN;
    case VIRTIO_DEVICE_ID: return types[n];
    case VIRTIO_DEVICE_FEATURES: return of->device_sel > 1 ? 0 : (u32)(virtio_features[n] >> 32 * of->device_sel);
    case VIRTIO_QUEUE_NUM_MAX: return QUEUE_MAX;
    case VIRTIO_INTERRUPT_STATUS: return of->interrupt;
    case VIRTIO_STATUS: return of->status;
    default: violation("a read of the board's virtio device at %x", at);
  }
}

void virtio_write(u64 offset, u32 value) {
  u32 n = offset / STRIDE, at = offset % STRIDE;
  // A device tree has lied.
  if (!exists(n)) end_run();
  struct virtio_device *of = device(n);
  REQUIRE(of->queue_sel < QUEUES, "the core chooses queue %u", of->queue_sel);
  struct virtio_queue *queue = &of->queues[of->queue_sel];
  switch (at) {
    case VIRTIO_DEVICE_FEATURES_SEL: of->device_sel = value; break;
    case VIRTIO_DRIVER_FEATURES_SEL: case VIRTIO_DRIVER_FEATURES: break;
    case VIRTIO_QUEUE_SEL: of->queue_sel = value; break;
    case VIRTIO_QUEUE_NUM: queue->size = value; break;
    case VIRTIO_QUEUE_READY: queue->ready = value == 1; break;
    case VIRTIO_QUEUE_NOTIFY: kicked(of, value); break;
    case VIRTIO_INTERRUPT_ACK: of->interrupt &= ~value; break;
    case VIRTIO_STATUS:
      if (value == 0) memset(of, 0, sizeof(*of));
      else of->status = value;
      break;
    case VIRTIO_QUEUE_DESC_LOW: case VIRTIO_QUEUE_DRIVER_LOW: case VIRTIO_QUEUE_DEVICE_LOW:
      queue->area[(at - VIRTIO_QUEUE_DESC_LOW) / 0x10] = value;
      break;
    case VIRTIO_QUEUE_DESC_HIGH: case VIRTIO_QUEUE_DRIVER_HIGH: case VIRTIO_QUEUE_DEVICE_HIGH:
      REQUIRE(value == 0, "a queue above 4 GiB");
      break;
    default: violation("a write of the board's virtio device at %x", at);
  }
}
