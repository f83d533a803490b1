// What guests' virtio drivers do, by events of the input: the same as driving.ts in the simulator. A driver's vCPU may leave its CPU at any exit: what is left
// of its event is not done.
#include "board.h"

#include <string.h>

#define COUNT(list) (sizeof(list) / sizeof((list)[0]))
#define BEGUN (STATUS_ACKNOWLEDGE | STATUS_DRIVER)
#define RT 5

// Whose event it is.
struct driver {
  u32 cpu, vcpu;
  u32 slot, queue;
  u64 ring;
};

static u64 ring_at(u32 slot, u32 queue) { return RINGS_AT + (slot * 8 + queue) * RINGS_BYTES; }

static bool is_here(const struct driver *of) { return board.cpus[of->cpu].vcpu == of->vcpu; }

// --- registers and memory

static void set(const struct driver *of, u32 offset, u64 value) {
  struct event e = {.a = REGION_VIRTIO, .b = 6, .c = of->slot * VIRTIO_STRIDE + offset, .d = value};
  if (is_here(of)) access_memory(of->cpu, of->vcpu, &e);
}
static u64 get(const struct driver *of, u32 offset) {
  struct event e = {.a = REGION_VIRTIO, .b = 2, .c = of->slot * VIRTIO_STRIDE + offset};
  if (!is_here(of)) return 0;
  access_memory(of->cpu, of->vcpu, &e);
  return is_here(of) ? guest_register(of->vcpu, RT) & 0xffffffff : 0;
}

static void put(const struct driver *of, u64 ipa, u32 bytes, u64 value) {
  u64 pa = is_here(of) ? guest_address(of->cpu, ipa) : 0;
  if (pa != 0) memcpy(ram_to_write(pa, bytes), &value, bytes);
}
static u16 word16(const struct driver *of, u64 ipa) {
  u64 pa = is_here(of) ? guest_address(of->cpu, ipa) : 0;
  u16 value = 0;
  if (pa != 0) memcpy(&value, ram_at(pa, 2), 2);
  return value;
}

// --- rings

static u16 index_of(const struct driver *of) { return word16(of, of->ring + RINGS_DRIVER + 2); }
// The chain that is offered next, and where its buffers lie.
static u32 next_head(const struct driver *of) { return index_of(of) % RINGS_ENTRIES; }
static u64 data_of(u32 head) { return RINGS_DATA + head * RINGS_DATA_BYTES; }

struct part {
  u64 ipa, bytes;
  bool is_written;
};
static void describe(const struct driver *of, u64 table, u32 n, u64 ipa, u64 bytes, u64 flags, u64 next) {
  put(of, table + n * DESC_BYTES, 8, ipa);
  put(of, table + n * DESC_BYTES + 8, 8, (u32)bytes | flags << 32 | next << 48);
}
static void chain(const struct driver *of, u64 table, u32 first, const struct part *parts, u32 count) {
  for (u32 n = 0; n < count; n++) {
    u64 flags = (parts[n].is_written ? DESC_F_WRITE : 0) | (n == count - 1 ? 0 : DESC_F_NEXT);
    describe(of, table, (first + n) % RINGS_ENTRIES, parts[n].ipa, parts[n].bytes, flags, (first + n + 1) % RINGS_ENTRIES);
  }
}
static void push(const struct driver *of, u32 head, u32 steps) {
  u32 index = index_of(of);
  put(of, of->ring + RINGS_DRIVER + 4 + 2 * (index % RINGS_ENTRIES), 2, head);
  put(of, of->ring + RINGS_DRIVER + 2, 2, index + steps);
}
static void kick(const struct driver *of) { set(of, VIRTIO_QUEUE_NOTIFY, of->queue); }

// --- events

static void drive(const struct driver *of, const struct event *e) {
  set(of, VIRTIO_STATUS, 0);
  set(of, VIRTIO_STATUS, BEGUN);
  for (u32 sel = 0; sel < 2; sel++) {
    set(of, VIRTIO_DEVICE_FEATURES_SEL, sel);
    u64 offered = get(of, VIRTIO_DEVICE_FEATURES), wanted = e->d >> 32 * sel & 0xffffffff;
    set(of, VIRTIO_DRIVER_FEATURES_SEL, sel);
    // The lowest bit of the second word is VIRTIO_F_VERSION_1.
    set(of, VIRTIO_DRIVER_FEATURES, (e->b & 1) ? wanted : (wanted | sel) & offered);
  }
  set(of, VIRTIO_STATUS, BEGUN | STATUS_FEATURES_OK);
  for (u32 queue = 0; queue < 8; queue++) {
    set(of, VIRTIO_QUEUE_SEL, queue);
    if (get(of, VIRTIO_QUEUE_NUM_MAX) == 0) break;
    u64 ring = ring_at(of->slot, queue);
    put(of, ring + RINGS_DRIVER, 8, 0);
    put(of, ring + RINGS_DEVICE, 8, 0);
    set(of, VIRTIO_QUEUE_NUM, RINGS_ENTRIES);
    set(of, VIRTIO_QUEUE_DESC_LOW, ring);
    set(of, VIRTIO_QUEUE_DRIVER_LOW, ring + RINGS_DRIVER);
    set(of, VIRTIO_QUEUE_DEVICE_LOW, ring + RINGS_DEVICE);
    set(of, VIRTIO_QUEUE_READY, 1);
  }
  if (!(e->b & 2)) set(of, VIRTIO_STATUS, BEGUN | STATUS_FEATURES_OK | STATUS_DRIVER_OK);
}

static void describe_one(const struct driver *of, const struct event *e) {
  u64 address = e->d & 0xffffffffffull;
  u64 ipa = e->d >> 62 & 1 ? RAM_BASE + (address & 0x1fffff) : address;
  describe(of, e->d >> 63 ? RINGS_DATA : of->ring, e->b, ipa, e->c, e->d >> 40 & 7, e->d >> 48 & 0xff);
}

static void offer(const struct driver *of, const struct event *e) {
  push(of, e->b, 1 + (e->c >> 16));
  if (e->c & 1) kick(of);
}

static void room(const struct driver *of, const struct event *e) {
  for (u32 n = 0; n <= (e->b & 63u); n++) {
    u32 head = next_head(of);
    chain(of, of->ring, head, &(struct part){data_of(head), e->c, true}, 1);
    push(of, head, 1);
  }
  kick(of);
}

static void request(const struct driver *of, const struct event *e) {
  u32 head = next_head(of), bytes = e->c >> 8, first = (e->b & 16) ? bytes >> 1 : bytes, count = 0;
  u64 at = data_of(head), low = e->d & 0xffffffff;
  bool is_written = e->b & 1;
  put(of, at, 8, e->c & 0xff);
  put(of, at + 8, 8, low);
  put(of, at + 0x400, 8, low);
  put(of, at + 0x408, 8, e->d >> 32 | (u64)(e->b >> 5) << 32);
  const struct part all[] = {
    {at, 16, false},
    {at + 0x400, first, is_written},
    {at + 0x400 + first, bytes - first, is_written},
    {at + 16, (e->b & 8) ? 0 : 1, true},
  };
  struct part parts[COUNT(all)];
  for (u32 n = 0; n < COUNT(all); n++) if (all[n].bytes != 0) parts[count++] = all[n];
  if (e->b & 2) {
    chain(of, at + 0x100, 0, parts, count);
    describe(of, of->ring, head, at + 0x100, count * DESC_BYTES, DESC_F_INDIRECT, 0);
  } else chain(of, of->ring, head, parts, count);
  push(of, head, 1);
  if (!(e->b & 4)) kick(of);
}

static void frame(const struct driver *of, const struct event *e) {
  u32 head = next_head(of), all = FRAME_AT + (e->c & 0xffff), count = 0, from = 0;
  u64 at = data_of(head);
  u8 bytes[sizeof(frame_starts[0])];
  memcpy(bytes, frame_starts[e->b], sizeof(bytes));
  memcpy(bytes, &e->d, 8);
  bytes[8] = e->c >> 24;
  for (u32 n = 0; n < sizeof(bytes); n += 8) {
    u64 word;
    memcpy(&word, bytes + n, 8);
    put(of, at + n, 8, word);
  }
  const u32 *cuts = frame_cuts[e->c >> 16 & 3];
  struct part parts[FRAME_CUTS + 1];
  for (u32 n = 0; n < FRAME_CUTS && cuts[n] != 0 && cuts[n] < all; from = cuts[n++]) parts[count++] = (struct part){at + from, cuts[n] - from, false};
  parts[count++] = (struct part){at + from, all - from, false};
  chain(of, of->ring, head, parts, count);
  push(of, head, 1);
  if (!(e->c >> 18 & 1)) kick(of);
}

void driver_event(u32 cpu, u32 vcpu, u32 kind, const struct event *e) {
  u32 slot = e->a & 7, queue = e->a >> 3 & 7;
  const struct driver of = {cpu, vcpu, slot, queue, ring_at(slot, queue)};
  switch (kind) {
    case EVENT_DRIVE: drive(&of, e); break;
    case EVENT_DESCRIBE: describe_one(&of, e); break;
    case EVENT_OFFER: offer(&of, e); break;
    case EVENT_ROOM: room(&of, e); break;
    case EVENT_REQUEST: request(&of, e); break;
    case EVENT_FRAME: frame(&of, e); break;
  }
}
