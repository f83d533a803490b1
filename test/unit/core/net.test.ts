// Network devices and the virtual switch (virtio 1.2, 5.1): frames arrive where they belong, as they were sent, whatever the drivers can and cannot do.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machineMap } from "../../../abi/guest.ts";
import { virtioNet as net, virtioMmio as register, virtioDevices, virtioFeatures, virtioStatus } from "../../../abi/virtio.ts";
import type { VmOptions } from "../../../sim/bundles.ts";
import { fieldOffset } from "../../../sim/fields.ts";
import { startSystem } from "../../../sim/start.ts";
import { call, error } from "./call.ts";
import { BROADCAST, checksum, frameOf, NetPort } from "./net-port.ts";

type PortOptions = ConstructorParameters<typeof NetPort>[1] & { readonly vm?: VmOptions };

/** VMs on one switch, a CPU each. */
const ports = (...options: readonly PortOptions[]): NetPort[] => {
  const vms = options.map(({ vm } = {}) => ({ nets: [{ switch: "lan" }], ...vm }));
  const machine = startSystem({ cpus: options.length, switches: [{ name: "lan" }], vms });
  return options.map((one, n) => new NetPort(machine.running(n)!, one));
};

const RAM = machineMap.RAM_BASE;
const BASIC = virtioFeatures.F_VERSION_1 | net.NET_F_MAC;
const payload = (bytes: number, seed = 7): Buffer => Buffer.from(Array.from({ length: bytes }, (_, n) => (n * 31 + seed) & 0xff));

test("what the driver is told: its type, its address, and that the link is up", () => {
  const [one, two] = ports({}, { vm: { nets: [{ switch: "lan", mac: "02:00:5e:10:00:01" }] } });
  assert.equal(one!.driver.read(register.VIRTIO_DEVICE_ID), virtioDevices.VIRTIO_NET);
  assert.match(one!.mac, /^02(:[0-9a-f]{2}){5}$/);
  assert.equal(two!.mac, "02:00:5e:10:00:01");
  assert.equal(one!.driver.read(0x100 + net.NET_STATUS, 2), net.NET_S_LINK_UP);
});

test("a frame to a port's address goes there alone; to all, to all others; and the drivers are interrupted", () => {
  const [one, two, three] = ports({}, {}, {}) as [NetPort, NetPort, NetPort];
  for (const port of [one, two, three]) {
    port.listen(4);
    port.driver.openInterrupt();
  }
  const direct = frameOf(two.mac, one.mac, payload(100));
  one.send(direct);
  assert.deepEqual(
    two.take().map(({ frame }) => frame),
    [direct],
  );
  assert.equal(two.driver.guest.acknowledge(), two.driver.intid);
  assert.deepEqual([one.take(), three.take()], [[], []]);
  const all = frameOf(BROADCAST, two.mac, payload(60));
  two.send(all);
  assert.deepEqual(
    [one, two, three].map((port) => port.take().map(({ frame }) => frame)),
    [[all], [], [all]],
  );
  assert.equal(three.driver.guest.acknowledge(), three.driver.intid);
});

test("an address that nobody has goes to all, until somebody has sent from it", () => {
  const [one, two, three] = ports({}, {}, {}) as [NetPort, NetPort, NetPort];
  for (const port of [one, two, three]) port.listen(8);
  const bridged = "02:aa:aa:aa:aa:aa";
  const first = frameOf(bridged, one.mac, payload(60));
  one.send(first);
  assert.deepEqual([two.take().length, three.take().length], [1, 1]);
  three.send(frameOf(BROADCAST, bridged, payload(60)));
  two.take();
  one.take();
  one.send(first);
  assert.deepEqual([two.take().length, three.take().length], [0, 1]);
  // It moves.
  two.send(frameOf(BROADCAST, bridged, payload(60)));
  one.take();
  three.take();
  one.send(first);
  assert.deepEqual([two.take().length, three.take().length], [1, 0]);
});

test("nobody sends from another port's address, or from a group's", () => {
  const [one, two] = ports({}, {}) as [NetPort, NetPort];
  two.listen(4);
  one.send(frameOf(BROADCAST, two.mac, payload(60)));
  one.send(frameOf(two.mac, BROADCAST, payload(60)));
  one.send(frameOf(two.mac, "00:00:00:00:00:00", payload(60)));
  assert.deepEqual(two.take(), []);
});

test("two switches have nothing in common", () => {
  const vms = [{ nets: [{ switch: "a" }] }, { nets: [{ switch: "b" }] }];
  const machine = startSystem({ cpus: 2, switches: [{ name: "a" }, { name: "b" }], vms });
  const [one, two] = [0, 1].map((n) => new NetPort(machine.running(n)!)) as [NetPort, NetPort];
  two.listen(4);
  one.send(frameOf(two.mac, one.mac, payload(60)));
  one.send(frameOf(BROADCAST, one.mac, payload(60)));
  assert.deepEqual(two.take(), []);
});

test("frames of all sizes, in any pieces, arrive as they were", () => {
  const [one, two] = ports({}, {}) as [NetPort, NetPort];
  for (const bytes of [14, 15, 60, 61, 1000, 1500, 1504]) {
    two.listen(1);
    const frame = frameOf(two.mac, one.mac, payload(bytes - 14));
    one.send(
      frame,
      {},
      [5, 12, 13, 20].filter((cut) => cut < bytes),
    );
    assert.deepEqual(
      two.take().map(({ frame: got }) => got),
      [frame],
      `${bytes} bytes`,
    );
  }
});

test("a large frame goes into as many buffers as it takes, if the driver merges them", () => {
  const [one, two] = ports({}, { bytes: 300 }) as [NetPort, NetPort];
  two.listen(8);
  const frame = frameOf(two.mac, one.mac, payload(1400));
  one.send(frame);
  const [got] = two.take();
  assert.equal(got!.buffers, 5);
  assert.deepEqual(got!.frame, frame);
  // Three are left, which do not do; nothing of them is used.
  one.send(frame);
  assert.deepEqual(two.take(), []);
  two.listen(2);
  one.send(frame);
  assert.deepEqual(
    two.take().map(({ frame: got }) => got),
    [frame],
  );
});

test("a driver that merges no buffers gets what fits into one", () => {
  const [one, two] = ports({}, { features: BASIC, bytes: 300 }) as [NetPort, NetPort];
  two.listen(4);
  one.send(frameOf(two.mac, one.mac, payload(1000)));
  assert.deepEqual(two.take(), []);
  const small = frameOf(two.mac, one.mac, payload(200));
  one.send(small);
  assert.deepEqual(
    two.take().map(({ frame }) => frame),
    [small],
  );
});

// --- checksums and segments

const address = (last: number): number[] => [10, 0, 0, last];

/** A TCP packet over IPv4, with the sum of the pseudo header where the checksum goes. */
const tcp4 = (to: string, from: string, data: Buffer, flags = 0x18): Buffer => {
  const segment = Buffer.alloc(32 + data.length);
  segment.writeUInt16BE(1234, 0);
  segment.writeUInt16BE(80, 2);
  segment.writeUInt32BE(0xffff_ff00, 4);
  segment.writeUInt32BE(77, 8);
  segment.writeUInt8(8 << 4, 12);
  segment.writeUInt8(flags, 13);
  segment.writeUInt16BE(5000, 14);
  segment.fill(1, 20, 32);
  data.copy(segment, 32);
  const ip = Buffer.alloc(20);
  ip.writeUInt8(0x45, 0);
  ip.writeUInt16BE(20 + segment.length, 2);
  ip.writeUInt16BE(0xfffe, 4);
  ip.writeUInt8(64, 8);
  ip.writeUInt8(6, 9);
  ip.set(address(1), 12);
  ip.set(address(2), 16);
  ip.writeUInt16BE(~checksum(ip) & 0xffff, 10);
  segment.writeUInt16BE(
    checksum(Buffer.from([...address(1), ...address(2), 0, 6, segment.length >> 8, segment.length & 0xff])),
    16,
  );
  return frameOf(to, from, Buffer.concat([ip, segment]), 0x0800);
};

const tcp6 = (to: string, from: string, data: Buffer): Buffer => {
  const v4 = tcp4(to, from, data).subarray(34);
  const segment = Buffer.from(v4);
  const ip = Buffer.alloc(40);
  ip.writeUInt8(0x60, 0);
  ip.writeUInt16BE(segment.length, 4);
  ip.writeUInt8(6, 6);
  ip.writeUInt8(64, 7);
  ip.fill(0x20, 8, 24);
  ip.fill(0x21, 24, 40);
  segment.writeUInt16BE(
    checksum(Buffer.concat([ip.subarray(8), Buffer.from([0, 6, segment.length >> 8, segment.length & 0xff])])),
    16,
  );
  return frameOf(to, from, Buffer.concat([ip, segment]), 0x86dd);
};

/** Whether the checksums of a packet are right, of IP and TCP. */
const isSummed = (frame: Buffer): boolean => {
  const isV4 = frame.readUInt16BE(12) === 0x0800;
  const start = isV4 ? 34 : 54;
  const end = isV4 ? 14 + frame.readUInt16BE(16) : 54 + frame.readUInt16BE(18);
  const segment = frame.subarray(start, end);
  const addresses = isV4 ? frame.subarray(26, 34) : frame.subarray(22, 54);
  const pseudo = Buffer.concat([addresses, Buffer.from([0, 6, segment.length >> 8, segment.length & 0xff])]);
  return (!isV4 || checksum(frame.subarray(14, 34)) === 0xffff) && checksum(Buffer.concat([pseudo, segment])) === 0xffff;
};

const SUM = { flags: net.NET_HDR_F_NEEDS_CSUM, csumOffset: 16 };

test("a checksum that is left to the device is left to the receiver, if it can do that", () => {
  const [one, two] = ports({}, {}) as [NetPort, NetPort];
  two.listen(1);
  const frame = tcp4(two.mac, one.mac, payload(500));
  one.send(frame, { ...SUM, csumStart: 34 });
  const [got] = two.take();
  assert.deepEqual(got!.frame, frame);
  assert.deepEqual(got!.header, { flags: 1, gsoType: 0, headerBytes: 0, gsoSize: 0, csumStart: 34, csumOffset: 16 });
});

for (const [name, make, start] of [
  ["IPv4", tcp4, 34],
  ["IPv6", tcp6, 54],
] as const) {
  test(`else the device computes it: ${name}`, () => {
    const [one, two] = ports({}, { features: BASIC }) as [NetPort, NetPort];
    for (const bytes of [0, 1, 2, 333, 1000]) {
      two.listen(1);
      const frame = make(two.mac, one.mac, payload(bytes));
      one.send(frame, { ...SUM, csumStart: start }, [3, 11, 40]);
      const [got] = two.take();
      assert.equal(got!.header.flags, 0);
      assert.ok(isSummed(got!.frame), `${bytes} bytes`);
      // All but the checksum is as it was.
      const expected = Buffer.from(frame);
      got!.frame.copy(expected, start + 16, start + 16, start + 18);
      assert.deepEqual(got!.frame, expected);
    }
  });

  const gsoType = name === "IPv4" ? net.NET_GSO_TCPV4 : net.NET_GSO_TCPV6;
  const large = { ...SUM, csumStart: start, gsoType, gsoSize: 1000, headerBytes: start + 32 };

  test(`a large packet is passed on as it is: ${name}`, () => {
    const [one, two] = ports({}, { bytes: 4096 }) as [NetPort, NetPort];
    two.listen(16);
    const frame = make(two.mac, one.mac, payload(20_000));
    one.send(frame, large);
    const [got] = two.take();
    assert.deepEqual(got!.frame, frame);
    assert.deepEqual({ ...got!.header }, large);
  });

  test(`a large packet is cut up for a driver that cannot: ${name}`, () => {
    const [one, two] = ports({}, { features: BASIC }) as [NetPort, NetPort];
    two.listen(16);
    const data = payload(5500);
    const frame = make(two.mac, one.mac, data);
    // FIN and PSH are the last one's, CWR is the first one's.
    frame.writeUInt8(0x99, start + 13);
    frame.writeUInt16BE(checksum(Buffer.from([frame.readUInt8(start + 16), frame.readUInt8(start + 17)])), start + 16);
    one.send(frame, large, [12, 13, 100, 3000]);
    const got = two.take();
    assert.equal(got.length, 6);
    assert.deepEqual(Buffer.concat(got.map(({ frame: part }) => part.subarray(start + 32))), data);
    for (const [n, { frame: part, header }] of got.entries()) {
      assert.ok(isSummed(part), `segment ${n}`);
      assert.deepEqual([header.flags, header.gsoType], [0, 0]);
      assert.equal(part.readUInt32BE(start + 4), (0xffff_ff00 + 1000 * n) % 2 ** 32);
      assert.equal(part.readUInt8(start + 13), [0x90, 0x10, 0x10, 0x10, 0x10, 0x19][n]);
      if (name === "IPv4") assert.equal(part.readUInt16BE(18), (0xfffe + n) % 2 ** 16);
      assert.deepEqual(part.subarray(start, start + 4), frame.subarray(start, start + 4));
    }
  });
}

test("what a sender has not taken, or does not make sense, is not sent", () => {
  const [one, two] = ports({ features: BASIC }, {}) as [NetPort, NetPort];
  two.listen(8);
  const frame = tcp4(two.mac, one.mac, payload(500));
  one.send(frame, { ...SUM, csumStart: 34 });
  one.send(frame, { ...SUM, csumStart: 34, gsoType: net.NET_GSO_TCPV4, gsoSize: 100 });
  one.send(frameOf(two.mac, one.mac, payload(1600)));
  one.send(Buffer.alloc(5));
  assert.deepEqual(two.take(), []);
  const [three, four] = ports({}, { features: BASIC }) as [NetPort, NetPort];
  four.listen(8);
  const other = tcp4(four.mac, three.mac, payload(500));
  const gso = { ...SUM, csumStart: 34, gsoType: net.NET_GSO_TCPV4, gsoSize: 100 };
  three.send(other, { ...SUM, csumStart: 5 });
  three.send(other, { ...SUM, csumStart: 0xffff });
  three.send(other, { ...SUM, csumStart: 34, csumOffset: 0xffff });
  three.send(other, { ...SUM, csumStart: 400 });
  three.send(other, { ...gso, gsoSize: 0 });
  three.send(other, { ...gso, gsoType: 3 });
  three.send(other, { ...gso, csumStart: 30 });
  three.send(other, { ...gso, flags: 0 });
  three.send(frameOf(BROADCAST, three.mac, other.subarray(14), 0x0800), gso);
  const odd = Buffer.from(other);
  odd.writeUInt8(0xf0, 34 + 12);
  odd.writeUInt8(0x41, 14);
  three.send(odd, gso);
  assert.deepEqual(four.take(), []);
});

test("a driver hears of the segments that it got, though there was no room for all, and of its device that breaks", () => {
  const [one, two] = ports({}, { features: BASIC }) as [NetPort, NetPort];
  two.listen(4);
  two.driver.openInterrupt();
  const gso = { ...SUM, csumStart: 34, gsoType: net.NET_GSO_TCPV4, gsoSize: 1000 };
  one.send(tcp4(two.mac, one.mac, payload(5500)), gso);
  assert.equal(two.take().length, 4);
  assert.equal(two.driver.guest.acknowledge(), two.driver.intid);
  const [three, four] = ports({}, { features: BASIC }) as [NetPort, NetPort];
  four.driver.openInterrupt();
  four.receive.offer([{ ipa: 0x10, bytes: 2048, write: true }]);
  three.send(frameOf(four.mac, three.mac, payload(60)));
  assert.equal(four.driver.guest.acknowledge(), four.driver.intid);
});

// --- fairness

test("a port that floods leaves room for others in a receive queue", () => {
  const [flood, quiet, sink] = ports({}, {}, {}) as [NetPort, NetPort, NetPort];
  sink.listen(60);
  for (let n = 0; n < 200; n++) flood.send(frameOf(sink.mac, flood.mac, payload(60)));
  // It holds no more than what is free.
  const flooded = sink.take().length;
  assert.ok(flooded >= 30 && flooded <= 32, `${flooded}`);
  for (let n = 0; n < 5; n++) quiet.send(frameOf(sink.mac, quiet.mac, payload(60)));
  assert.equal(sink.take().length, 5);
  // What the driver offers again is free again.
  sink.listen(30);
  for (let n = 0; n < 5; n++) flood.send(frameOf(sink.mac, flood.mac, payload(60)));
  assert.equal(sink.take().length, 5);
});

test("receivers whose buffers are tiny do not make a sender's kick long", () => {
  const [one, ...others] = ports({}, ...Array.from({ length: 7 }, () => ({ bytes: 13 }))) as [NetPort, ...NetPort[]];
  for (const port of others) port.listen(64);
  for (let n = 0; n < 40; n++) one.offer(frameOf(BROADCAST, one.mac, payload(1400)));
  const { machine } = one.driver.guest;
  let most = 0;
  for (let kicks = 0; kicks < 100; kicks++) {
    const before = machine.calls;
    one.transmit.kick();
    most = Math.max(most, machine.calls - before);
  }
  assert.equal(one.transmit.take().length, 40);
  // A descriptor is two reads, a byte of a frame a copy; 512 buffers a packet at most.
  assert.ok(most < 6000, `${most} calls of the HAL at one kick`);
  assert.deepEqual(
    others.map((port) => port.take().length),
    Array(7).fill(0),
  );
});

test("a receiver whose buffers are tiny does not keep a frame to all from the ports behind it", () => {
  const [one, tiny, last] = ports({}, { bytes: 13 }, {}) as [NetPort, NetPort, NetPort];
  // A table makes one entry a thousand buffers.
  const { memory } = tiny.driver;
  const table = RAM + 0x70_0000;
  for (let chain = 0; chain < 8; chain++) {
    const parts = Array.from({ length: 128 }, (_, n) => ({ ipa: RAM + 0x72_0000 + n, bytes: n === 0 ? 12 : 1, write: true }));
    tiny.receive.offer(parts, table + chain * 0x1000);
  }
  last.listen(1);
  const frame = frameOf(BROADCAST, one.mac, payload(1400));
  one.send(frame);
  assert.equal(memory.read(tiny.receive.used + 2, 2), 0);
  assert.deepEqual(
    last.take().map(({ frame: got }) => got),
    [frame],
  );
});

test("what a kick costs is bounded, whatever is left to the device and however many hear of it", () => {
  const most = (port: NetPort): number => {
    const { machine } = port.driver.guest;
    let calls = 0;
    for (let kicks = 0; kicks < 60; kicks++) {
      const before = machine.calls;
      port.transmit.kick();
      calls = Math.max(calls, machine.calls - before);
    }
    return calls;
  };
  const [one, ...others] = ports({}, ...Array.from({ length: 7 }, () => ({ features: BASIC }))) as [NetPort, ...NetPort[]];
  for (const port of others) port.listen(64);
  const udp = frameOf(BROADCAST, one.mac, payload(1400), 0x0800);
  for (let n = 0; n < 40; n++) one.offer(udp, { flags: net.NET_HDR_F_NEEDS_CSUM, csumStart: 34, csumOffset: 6 });
  const summed = most(one);
  assert.equal(one.transmit.take().length, 40);
  assert.ok(summed < 3000, `${summed} calls of the HAL for checksums`);
  const [two, three] = ports({}, { features: BASIC }) as [NetPort, NetPort];
  three.listen(64);
  const gso = { ...SUM, csumStart: 34, gsoType: net.NET_GSO_TCPV4, gsoSize: 1 };
  for (let n = 0; n < 8; n++) two.offer(tcp4(three.mac, two.mac, payload(30_000)), gso);
  const cut = most(two);
  assert.equal(two.transmit.take().length, 8);
  assert.ok(cut < 15_000, `${cut} calls of the HAL for segments`);
});

test("the addresses that were checked are sent, whatever the driver writes there meanwhile", () => {
  const [one, two] = ports({}, {}) as [NetPort, NetPort];
  two.listen(1);
  one.offer(frameOf(two.mac, one.mac, payload(60)));
  const { guest, memory } = one.driver;
  // The driver's other CPU forges the source as soon as the device has read it.
  const forged = Buffer.from("02cafecafe01", "hex");
  const at = guest.translate(RAM + 0x48_0000 + net.NET_HEADER + 6);
  assert.ok("output" in at);
  const place = at.output + (RAM + 0x48_0000 + net.NET_HEADER + 6 - at.input);
  const { ram } = guest.machine;
  const read = ram.readSmall.bind(ram);
  ram.readSmall = (from, bytes) => {
    const value = read(from, bytes);
    if (from === place + 5) ram.writeBytes(place, forged);
    return value;
  };
  one.transmit.kick();
  assert.deepEqual(Buffer.from(memory.bytes(RAM + 0x48_0000 + net.NET_HEADER + 6, 6)), forged);
  assert.equal(two.take()[0]!.frame.subarray(6, 12).toString("hex"), one.mac.replaceAll(":", ""));
});

test("a segment that no wire carries is not made", () => {
  const [one, two] = ports({}, { features: BASIC, bytes: 0x8000 }) as [NetPort, NetPort];
  two.listen(4);
  one.send(tcp4(two.mac, one.mac, payload(9000)), { ...SUM, csumStart: 34, gsoType: net.NET_GSO_TCPV4, gsoSize: 8000 });
  assert.deepEqual(two.take(), []);
});

test("a VM that sends from where another port of its own receives keeps what is there", () => {
  const nets = [{ switch: "lan" }, { switch: "lan" }];
  const machine = startSystem({ switches: [{ name: "lan" }], vms: [{ nets }] });
  const [one, two] = [0, 1].map((slot) => new NetPort(machine.running(0)!, { slot })) as [NetPort, NetPort];
  const sent = RAM + 0x48_0000;
  two.receive.offer([{ ipa: sent + 64, bytes: 2048, write: true }]);
  one.send(frameOf(two.mac, one.mac, payload(1000)));
  assert.equal(two.receive.take().length, 1);
});

test("a low rate earns as much when it is tried often", () => {
  const [one, two] = ports({ vm: { nets: [{ switch: "lan", rate: 1000 }] } }, {}) as [NetPort, NetPort];
  const { counter } = one.driver.guest.machine;
  const frame = frameOf(two.mac, one.mac, payload(986));
  two.listen(64);
  for (let n = 0; n < 70; n++) one.send(frame);
  two.listen(two.take().length);
  let got = 0;
  // A second, in steps that earn less than a byte each.
  for (let n = 0; n < 2000; n++) {
    counter.count += 62_500_000n / 2000n;
    one.send(frame);
    got += two.take().length;
  }
  assert.equal(got, 1);
});

test("a port sends no more than its rate", () => {
  const [one, two] = ports({ vm: { nets: [{ switch: "lan", rate: 1_000_000 }] } }, {}) as [NetPort, NetPort];
  const machine = one.driver.guest.machine;
  const frame = frameOf(two.mac, one.mac, payload(1486));
  two.listen(8);
  const flood = (times: number): number => {
    let got = 0;
    for (let n = 0; n < times; n++) {
      one.send(frame);
      const fresh = two.take().length;
      two.listen(fresh);
      got += fresh;
    }
    return got;
  };
  // A tenth of a second at once.
  const burst = flood(150);
  assert.ok(Math.abs(burst - 66) <= 1, `${burst}`);
  machine.counter.count += 62_500_000n / 20n;
  const later = flood(60);
  assert.ok(Math.abs(later - 33) <= 1, `${later}`);
});

test("a controller takes a link down and up: the driver is told, and nothing passes meanwhile", () => {
  const vms = [{ controller: true, nets: [{ switch: "lan" }] }, { nets: [{ switch: "lan" }] }];
  const machine = startSystem({ cpus: 2, switches: [{ name: "lan" }], vms });
  const guests = [0, 1].map((n) => machine.running(n)!);
  const [one, two] = guests.map((guest) => new NetPort(guest)) as [NetPort, NetPort];
  const link = (...args: number[]): bigint => call(guests[0]!, "HL_VM_LINK", ...args);
  const status = (): number => two.driver.read(0x100 + net.NET_STATUS, 2);
  const generation = two.driver.read(register.VIRTIO_CONFIG_GENERATION);
  two.listen(4);
  two.driver.openInterrupt();
  assert.equal(link(1, 0, 0), 0n);
  assert.equal(status(), 0);
  assert.notEqual(two.driver.read(register.VIRTIO_CONFIG_GENERATION), generation);
  assert.equal(two.driver.guest.acknowledge(), two.driver.intid);
  assert.equal(two.driver.read(register.VIRTIO_INTERRUPT_STATUS), virtioStatus.INTERRUPT_CONFIG);
  two.driver.write(register.VIRTIO_INTERRUPT_ACK, virtioStatus.INTERRUPT_CONFIG);
  two.driver.guest.end(two.driver.intid);
  one.send(frameOf(two.mac, one.mac, payload(60)));
  two.send(frameOf(one.mac, two.mac, payload(60)));
  assert.deepEqual([one.take(), two.take()], [[], []]);
  assert.equal(link(1, 0, 1), 0n);
  assert.equal(status(), net.NET_S_LINK_UP);
  one.send(frameOf(two.mac, one.mac, payload(60)));
  assert.equal(two.take().length, 1);
  // Nothing changes, or there is no such device.
  const unchanged = two.driver.read(register.VIRTIO_CONFIG_GENERATION);
  assert.equal(link(1, 0, 1), 0n);
  assert.equal(two.driver.read(register.VIRTIO_CONFIG_GENERATION), unchanged);
  assert.deepEqual([link(1, 1, 0), link(1, 0, 2), link(2, 0, 0)], Array(3).fill(error("INVALID_PARAMETERS")));
  assert.equal(call(guests[1]!, "HL_VM_LINK", 0, 0, 0), error("DENIED"));
});

test("kicks: the next one is asked for behind what was sent, none for what is offered to receive", () => {
  const [one, two] = ports({}, {}) as [NetPort, NetPort];
  two.listen(4);
  two.receive.kick();
  assert.equal(two.receive.availableEvent, 0xffff);
  one.send(frameOf(two.mac, one.mac, payload(60)));
  assert.equal(one.transmit.availableEvent, 1);
});

test("a VM that resets itself gets nothing any more, and its port is free again", () => {
  const [one, two] = ports({}, {}) as [NetPort, NetPort];
  two.listen(4);
  const { guest } = two.driver;
  guest.hvc(0x8400_0009n);
  const { machine } = guest;
  one.send(frameOf(two.mac, one.mac, payload(60)));
  const again = new NetPort(machine.running(1)!);
  again.receive.flags = 0;
  again.listen(2);
  one.send(frameOf(again.mac, one.mac, payload(60)));
  assert.equal(again.take().length, 1);
});

// --- capture

/** The records of what a port's switch has carried: seconds, and bytes here, of how many. */
const captured = ({ driver: { guest } }: NetPort): { time: number; bytes: Buffer; length: number }[] => {
  const { view, ram } = guest.machine;
  const word = (record: number, type: string, field: string): number => view.getUint32(record + fieldOffset(type, field), true);
  const long = (record: number, field: string): number => Number(view.getBigUint64(record + fieldOffset("Switch", field), true));
  const device = word(word(guest.vcpu, "Vcpu", "vm"), "Vm", "firstVirtio");
  const net = word(word(device, "VirtioDevice", "own"), "Port", "net");
  const size = word(net, "Switch", "captureSize");
  const ring = Buffer.from(ram.readBytes(long(net, "capture"), size));
  const bytes = (from: number, length: number): Buffer => Buffer.from(Array.from({ length }, (_, n) => ring[(from + n) % size]!));
  const records: ReturnType<typeof captured> = [];
  for (let at = long(net, "captureStart"); at < long(net, "captured"); ) {
    const head = bytes(at, 16);
    const kept = head.readUInt32LE(8);
    records.push({
      time: head.readUInt32LE(0) + head.readUInt32LE(4) / 1e6,
      bytes: bytes(at + 16, kept),
      length: head.readUInt32LE(12),
    });
    at += 16 + kept;
  }
  return records;
};

test("a switch keeps the packets that it has carried last, as pcap has them", () => {
  const vms = [{ nets: [{ switch: "lan" }] }, { nets: [{ switch: "lan" }] }];
  const machine = startSystem({ cpus: 2, switches: [{ name: "lan", capture: 8192 }], vms });
  const [one, two] = [0, 1].map((n) => new NetPort(machine.running(n)!, { bytes: 4096 })) as [NetPort, NetPort];
  two.listen(8);
  const frames = [60, 100, 1000].map((bytes, n) => frameOf(n === 1 ? BROADCAST : two.mac, one.mac, payload(bytes)));
  for (const frame of frames) {
    machine.counter.count += 62_500_000n + 62n;
    one.send(frame);
  }
  assert.deepEqual(
    captured(one).map(({ bytes }) => bytes),
    frames,
  );
  const [first, second] = captured(one).map(({ time }) => time) as [number, number];
  assert.ok(Math.abs(second - first - 1) < 2e-5);
  // Of a large one the start is kept, and the oldest make room.
  const large = tcp4(two.mac, one.mac, payload(5000));
  const gso = { ...SUM, csumStart: 34, gsoType: net.NET_GSO_TCPV4, gsoSize: 1000 };
  for (let n = 0; n < 10; n++) one.send(large, gso);
  const kept = captured(one);
  assert.deepEqual(
    kept.map(({ bytes, length }) => [bytes.length, length]),
    Array(3).fill([2048, large.length]),
  );
  for (const { bytes } of kept) assert.deepEqual(bytes, large.subarray(0, 2048));
});
