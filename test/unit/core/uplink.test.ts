// The uplink of a switch: frames between VMs and a network device of the board, modern and legacy (virtio 1.2, 4.2 and 5.1), and the board's entropy device.

import assert from "node:assert/strict";
import { test } from "node:test";
import { virtioNet as net, virtioDevices } from "../../../abi/virtio.ts";
import type { BoardVirtio, VirtioOptions } from "../../../sim/board-virtio.ts";
import { startSystem } from "../../../sim/start.ts";
import { BROADCAST, frameOf, NetPort } from "./net-port.ts";

const MAC = "52:54:00:12:34:56";
const CONFIG = Buffer.from([0x52, 0x54, 0, 0x12, 0x34, 0x56, 0, 0]);
const OUTSIDE = "52:55:0a:00:02:02";
const payload = (bytes: number): Buffer => Buffer.from(Array.from({ length: bytes }, (_, n) => n & 0xff));

/** A board with a network device, and VMs on a switch whose uplink that is. */
const board = (legacy: boolean, vms = 2): { ports: NetPort[]; wire: BoardVirtio; header: number; output: () => string } => {
  const device: VirtioOptions = {
    type: virtioDevices.VIRTIO_NET,
    legacy,
    features: net.NET_F_MAC | net.NET_F_CSUM,
    config: CONFIG,
  };
  const machine = startSystem({
    cpus: vms,
    machine: { virtio: [undefined, device] },
    switches: [{ name: "lan", uplink: true }],
    vms: Array.from({ length: vms }, () => ({ nets: [{ switch: "lan" }] })),
  });
  const ports = Array.from({ length: vms }, (_, n) => new NetPort(machine.running(n)!));
  return {
    ports,
    wire: machine.virtio[1]!,
    header: legacy ? net.NET_HEADER_LEGACY : net.NET_HEADER,
    output: () => machine.uart.output,
  };
};

/** What has come out at the wire. */
const sentOn = (wire: BoardVirtio, header: number): Buffer[] => {
  const frames: Buffer[] = [];
  for (let chain = wire.take(net.NET_TRANSMIT); chain !== undefined; chain = wire.take(net.NET_TRANSMIT)) {
    const bytes = wire.readBuffers(chain);
    assert.ok(bytes.subarray(0, header).every((byte) => byte === 0));
    frames.push(bytes.subarray(header));
    wire.give(net.NET_TRANSMIT, chain, Buffer.alloc(0));
  }
  return frames;
};

/** A frame comes in from the wire. */
const comes = (wire: BoardVirtio, header: number, frame: Buffer): void => {
  const chain = wire.take(net.NET_RECEIVE);
  assert.ok(chain !== undefined, "the board's device has a buffer");
  wire.give(net.NET_RECEIVE, chain, Buffer.concat([Buffer.alloc(header), frame]));
};

for (const legacy of [false, true]) {
  const kind = legacy ? "legacy" : "modern";

  test(`what no VM has goes out, what comes in goes to whom it is for: a ${kind} device`, () => {
    const { ports, wire, header } = board(legacy);
    const [one, two] = ports as [NetPort, NetPort];
    for (const port of ports) {
      port.listen(8);
      port.driver.openInterrupt();
    }
    const out = frameOf(OUTSIDE, one.mac, payload(1500));
    one.send(out);
    assert.deepEqual(sentOn(wire, header), [out]);
    assert.deepEqual(two.take(), []);
    const between = frameOf(two.mac, one.mac, payload(100));
    one.send(between);
    assert.deepEqual([sentOn(wire, header), two.take().map(({ frame }) => frame)], [[], [between]]);
    const all = frameOf(BROADCAST, one.mac, payload(60));
    one.send(all);
    assert.deepEqual([sentOn(wire, header), two.take().map(({ frame }) => frame)], [[all], [all]]);
    const back = frameOf(one.mac, OUTSIDE, payload(1500));
    comes(wire, header, back);
    one.driver.guest.machine.run.settle();
    assert.deepEqual([one.take().map(({ frame }) => frame), two.take()], [[back], []]);
    assert.equal(one.driver.guest.acknowledge(), one.driver.intid);
  });

  test(`more than there are buffers comes and goes, in order: a ${kind} device`, () => {
    const { ports, wire, header } = board(legacy, 1);
    const one = ports[0]!;
    one.listen(32);
    for (let n = 0; n < 100; n++) {
      comes(wire, header, frameOf(one.mac, OUTSIDE, payload(60 + n)));
      one.driver.guest.poll();
      const [got] = one.take();
      assert.equal(got!.frame.length, 74 + n);
      one.listen(1);
      one.send(frameOf(OUTSIDE, one.mac, payload(60 + n)));
      assert.equal(sentOn(wire, header)[0]!.length, 74 + n);
    }
  });
}

test("a wire that takes nothing loses frames, and one VM leaves room for the other", () => {
  const { ports, wire, header } = board(false);
  const [one, two] = ports as [NetPort, NetPort];
  for (let n = 0; n < 200; n++) one.send(frameOf(OUTSIDE, one.mac, payload(60)));
  for (let n = 0; n < 5; n++) two.send(frameOf(OUTSIDE, two.mac, payload(60)));
  const from = sentOn(wire, header).map((frame) => frame.subarray(6, 12).toString("hex"));
  const count = (port: NetPort): number => from.filter((mac) => mac === port.mac.replaceAll(":", "")).length;
  assert.ok(count(one) >= 64 && count(one) <= 65, `${count(one)}`);
  assert.equal(count(two), 5);
  one.send(frameOf(OUTSIDE, one.mac, payload(60)));
  assert.equal(sentOn(wire, header).length, 1);
});

test("a VM cannot send from the uplink's address, nor somebody outside from a VM's", () => {
  const { ports, wire, header } = board(false);
  const [one, two] = ports as [NetPort, NetPort];
  two.listen(4);
  one.send(frameOf(OUTSIDE, MAC, payload(60)));
  assert.deepEqual(sentOn(wire, header), []);
  comes(wire, header, frameOf(two.mac, one.mac, payload(60)));
  two.driver.guest.machine.run.settle();
  assert.deepEqual(two.take(), []);
});

test("what the wire cannot do is done before: checksums, and packets that are cut up", () => {
  const { ports, wire, header } = board(false, 1);
  const one = ports[0]!;
  const udp = Buffer.alloc(60);
  udp.writeUInt8(0x45, 0);
  udp.writeUInt16BE(0x1234, 26);
  one.send(frameOf(OUTSIDE, one.mac, udp, 0x0800), { flags: net.NET_HDR_F_NEEDS_CSUM, csumStart: 34, csumOffset: 6 });
  const [sent] = sentOn(wire, header);
  assert.notEqual(sent!.readUInt16BE(40), 0x1234);
  const cut = Buffer.concat([udp, Buffer.alloc(4000, 9)]);
  cut.writeUInt8(6, 9);
  cut.writeUInt8(0x50, 32);
  const gso = { flags: 1, csumStart: 34, csumOffset: 16, gsoType: net.NET_GSO_TCPV4, gsoSize: 1400 };
  one.send(frameOf(OUTSIDE, one.mac, cut, 0x0800), gso);
  assert.deepEqual(
    sentOn(wire, header).map(({ length }) => length),
    [1454, 1454, 1274],
  );
});

test("a switch that wants an uplink where there is none says so, and works without it", () => {
  const machine = startSystem({ switches: [{ name: "lan", uplink: true }], vms: [{ nets: [{ switch: "lan" }] }] });
  assert.match(machine.uart.output, /<3>.*virtio: switch 0 has no uplink: the board has no network device for it/);
  const one = new NetPort(machine.running(0)!);
  one.send(frameOf(BROADCAST, one.mac, payload(60)));
});

test("frames to all that come at once are taken piece by piece, each by an interrupt of its own, and all arrive", () => {
  const { ports, wire, header } = board(false, 8);
  for (const port of ports) port.listen(64);
  for (let n = 0; n < 30; n++) comes(wire, header, frameOf(BROADCAST, OUTSIDE, payload(1000 + n)));
  const [one] = ports as [NetPort];
  const { machine } = one.driver.guest;
  const first = machine.running(0)!;
  let most = 0;
  for (let n = 0; n < 40; n++) {
    const before = machine.calls;
    first.poll();
    most = Math.max(most, machine.calls - before);
  }
  machine.run.settle();
  assert.ok(most < 20_000, `${most} calls of the HAL in one exit`);
  assert.deepEqual(
    ports.map((port) => port.take().length),
    Array(8).fill(30),
  );
});

test("a frame that is too short to be one, from the wire, goes nowhere", () => {
  const { ports, wire, header } = board(false, 1);
  const one = ports[0]!;
  one.listen(4);
  comes(wire, header, Buffer.alloc(13));
  one.driver.guest.poll();
  assert.deepEqual(one.take(), []);
  comes(wire, header, frameOf(one.mac, OUTSIDE, payload(60)));
  one.driver.guest.poll();
  assert.equal(one.take().length, 1);
});
