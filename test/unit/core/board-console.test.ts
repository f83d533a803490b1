// The board's console device (virtio 1.2, 5.3) as the other end of a VM's pipe.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machineMap } from "../../../abi/guest.ts";
import { virtioConsole as console, virtioDevices } from "../../../abi/virtio.ts";
import type { BoardVirtio, VirtioOptions } from "../../../sim/board-virtio.ts";
import type { Machine } from "../../../sim/machine.ts";
import { startSystem } from "../../../sim/start.ts";
import { ConsoleDriver, later } from "./console-device.ts";

const DEVICE: VirtioOptions = { type: virtioDevices.VIRTIO_CONSOLE };

const start = (devices: VirtioOptions[]): Machine =>
  startSystem({
    machine: { virtio: devices },
    pipes: [{ name: "host", between: ["guest"] }],
    vms: [{}],
  });

/** A board with a console device, and a VM whose port 1 is connected to it and open. */
const board = (legacy: boolean): { machine: Machine; line: BoardVirtio; driver: ConsoleDriver } => {
  const machine = start([{ ...DEVICE, legacy }]);
  const driver = new ConsoleDriver(machine.running(0)!, { ports: 2 });
  driver.begin([1]);
  return { machine, line: machine.virtio[0]!, driver };
};

/** What the host gets. */
const sentOn = (line: BoardVirtio): string => {
  let text = "";
  for (let chain = line.take(console.CONSOLE_TRANSMIT); chain !== undefined; chain = line.take(console.CONSOLE_TRANSMIT)) {
    text += line.readBuffers(chain).toString("latin1");
    line.give(console.CONSOLE_TRANSMIT, chain, Buffer.alloc(0));
  }
  return text;
};

/** The host sends; false: the device has no buffer for it. */
const comes = ({ line, machine }: { line: BoardVirtio; machine: Machine }, text: string): boolean => {
  const chain = line.take(console.CONSOLE_RECEIVE);
  if (chain === undefined) return false;
  line.give(console.CONSOLE_RECEIVE, chain, Buffer.from(text, "latin1"));
  later(machine);
  return true;
};

for (const legacy of [false, true]) {
  test(`bytes go out and come in: a ${legacy ? "legacy" : "modern"} device`, () => {
    const all = board(legacy);
    const { driver, line } = all;
    assert.deepEqual(driver.heard().at(-1), { id: 1, event: console.CONSOLE_PORT_OPEN, value: 1 });
    driver.send(1, "hello", 2);
    assert.equal(sentOn(line), "hello");
    assert.equal(driver.transmitQueue(1).take().length, 1);
    driver.driver.openInterrupt();
    driver.offer(driver.receiveQueue(1), 2, 4);
    assert.ok(comes(all, "answer"));
    assert.equal(driver.received(1), "answer");
    assert.equal(driver.driver.guest.acknowledge(), driver.driver.intid);
  });
}

test("a sender waits while the host reads nothing, and nothing is lost", () => {
  const { driver, line, machine } = board(false);
  const text = "0123456789abcdef".repeat(256);
  for (let n = 0; n < 6; n++) {
    driver.send(1, text);
    for (let kicks = 0; kicks < 4; kicks++) driver.transmitQueue(1).kick();
  }
  // Eight buffers of 2 KiB.
  assert.equal(driver.transmitQueue(1).take().length, 4);
  let got = "";
  for (let n = 0; n < 10; n++) {
    got += sentOn(line);
    later(machine);
  }
  assert.equal(got, text.repeat(6));
  assert.equal(driver.transmitQueue(1).take().length, 2);
});

test("what comes while nobody has opened the port waits, and the host with it", () => {
  const all = board(true);
  const { driver } = all;
  driver.say(1, console.CONSOLE_PORT_OPEN, 0);
  let sent = "";
  let n = 0;
  for (; comes(all, `${n},`); n++) sent += `${n},`;
  assert.ok(n >= 7 && n <= 9, `${n} buffers`);
  driver.offer(driver.receiveQueue(1), 20, 3);
  assert.equal(driver.received(1), "");
  driver.say(1, console.CONSOLE_PORT_OPEN, 1);
  assert.equal(driver.received(1), sent);
  assert.ok(comes(all, "more"));
  assert.equal(driver.received(1), "more");
});

test("a pipe to a board that has no console device: the log says so, and what is sent is lost", () => {
  const machine = start([]);
  assert.match(machine.uart.output, /<3>.*virtio: a pipe has one end alone: the board has no console device/);
  const driver = new ConsoleDriver(machine.running(0)!, { ports: 2 });
  driver.begin([1]);
  driver.send(1, "lost");
  assert.equal(driver.transmitQueue(1).take().length, 1);
});

test("a second device is left alone", () => {
  assert.match(start([DEVICE, DEVICE]).uart.output, /<5>.*virtio: the console device at 0xa000200 is not used/);
});

test("a host that reads at once does not have one VM's bytes keep another VM from its CPU", () => {
  const machine = startSystem({
    machine: { virtio: [DEVICE] },
    pipes: [{ name: "host", between: ["vm0"] }],
    vms: [{}, {}],
  });
  const MS = machine.counter.frequency / 1000n;
  const line = machine.virtio[0]!;
  let moved = 0;
  line.onKick = () => {
    for (let chain = line.take(console.CONSOLE_TRANSMIT); chain !== undefined; chain = line.take(console.CONSOLE_TRANSMIT)) {
      moved += line.readBuffers(chain).length;
      line.give(console.CONSOLE_TRANSMIT, chain, Buffer.alloc(0));
    }
    machine.counter.count += MS / 20n;
  };
  for (let n = 0; n < 100 && machine.running(1) === undefined; n++) machine.run.advance(MS);
  for (let n = 0; n < 100 && machine.running(0) === undefined; n++) machine.run.advance(MS);
  const driver = new ConsoleDriver(machine.running(0)!, { ports: 2 });
  driver.begin([1]);
  driver.transmitQueue(1).offer([{ ipa: machineMap.RAM_BASE, bytes: 0x80_0000 }]);
  let [entered, undisturbed] = [0, 0];
  machine.run.observer = {
    begin: () => undefined,
    end: (cpu) => {
      if (cpu.guest === undefined || cpu.guest.vcpu === driver.driver.guest.vcpu) return;
      entered++;
      if (!cpu.isCalled) undisturbed++;
    },
  };
  // Opening a port has the rest go on without a kick.
  driver.say(0, console.CONSOLE_PORT_OPEN, 1);
  machine.run.advance(100n * MS);
  assert.ok(moved > 0x1_0000, `${moved} bytes`);
  assert.ok(undisturbed > 5 && undisturbed >= entered / 2, `entered ${entered} times, ${undisturbed} of them undisturbed`);
});
