// Console devices (virtio 1.2, 5.3): what a driver is told of its ports, the VM's console by port 0, and pipes between VMs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machineMap } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { virtioConsole as console, virtioMmio as register, virtioDevices, virtioFeatures } from "../../../abi/virtio.ts";
import type { Machine } from "../../../sim/machine.ts";
import { startSystem } from "../../../sim/start.ts";
import { ConsoleDriver, later } from "./console-device.ts";

const U = machineMap.UART_BASE;
const CONSOLE = { devices: { console: true } };
const BASIC = virtioFeatures.F_VERSION_1;

/** VMs with a pipe or several between the first two, a CPU each. */
const system = (pipes: number, vms = [{}, {}]): Machine =>
  startSystem({
    cpus: vms.length,
    pipes: Array.from({ length: pipes }, (_, n) => ({ name: `pipe${n}`, between: ["vm0", "vm1"] })),
    vms,
  });

/** Two VMs with one pipe, which both have open, and buffers to receive. */
const piped = (options: { features?: bigint } = {}): [ConsoleDriver, ConsoleDriver] => {
  const board = system(1);
  const [one, two] = [0, 1].map((n) => new ConsoleDriver(board.running(n)!, { ports: 2, ...options }));
  for (const driver of [one!, two!]) driver.begin([1]);
  for (const driver of [one!, two!]) driver.heard();
  return [one!, two!];
};

const random = (bytes: number, seed: number): string => {
  let state = seed;
  const next = (): number => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return (state >>> 16) & 0xff;
  };
  return Buffer.from(Array.from({ length: bytes }, next)).toString("latin1");
};

test("what the driver is told: its type, how many ports there are, their names, which is the console, and who is open", () => {
  const board = system(2, [CONSOLE, {}]);
  const [one, two] = [0, 1].map((n) => new ConsoleDriver(board.running(n)!, { ports: 3 })) as [ConsoleDriver, ConsoleDriver];
  assert.equal(one.driver.read(register.VIRTIO_DEVICE_ID), virtioDevices.VIRTIO_CONSOLE);
  assert.equal(one.driver.read(0x100 + console.CONSOLE_MAX_PORTS), 3);
  const control = one.queues[console.CONSOLE_CONTROL_RECEIVE]!;
  one.offer(control, 16);
  one.say(0xffff_ffff, console.CONSOLE_DEVICE_READY, 1);
  const add = (id: number) => ({ id, event: console.CONSOLE_DEVICE_ADD, value: 1 });
  assert.deepEqual(one.heard(), [add(0), add(1), add(2)]);
  one.say(0, console.CONSOLE_PORT_READY, 1);
  assert.deepEqual(one.heard(), [
    { id: 0, event: console.CONSOLE_CONSOLE_PORT, value: 1 },
    { id: 0, event: console.CONSOLE_PORT_OPEN, value: 1 },
  ]);
  one.say(2, console.CONSOLE_PORT_READY, 1);
  const opened = (id: number, value: number) => ({ id, event: console.CONSOLE_PORT_OPEN, value });
  assert.deepEqual(one.heard(), [{ id: 2, event: console.CONSOLE_PORT_NAME, value: 1, name: "pipe1" }, opened(2, 0)]);
  // Without `console` port 0 is nobody's.
  two.offer(two.queues[console.CONSOLE_CONTROL_RECEIVE]!, 16);
  two.say(0, console.CONSOLE_DEVICE_READY, 1);
  assert.deepEqual(two.heard(), [add(1), add(2)]);
  one.driver.openInterrupt();
  two.say(2, console.CONSOLE_PORT_OPEN, 1);
  assert.deepEqual(one.heard(), [opened(2, 1)]);
  assert.equal(one.driver.guest.acknowledge(), one.driver.intid);
  two.say(2, console.CONSOLE_PORT_OPEN, 0);
  two.say(1, console.CONSOLE_PORT_OPEN, 1);
  assert.deepEqual(one.heard(), [opened(2, 0)], "port 1 is not made yet");
});

test("messages wait for buffers, and come as soon as there are some", () => {
  const board = system(3, [CONSOLE, {}]);
  const one = new ConsoleDriver(board.running(0)!, { ports: 4 });
  const control = one.queues[console.CONSOLE_CONTROL_RECEIVE]!;
  one.say(0, console.CONSOLE_DEVICE_READY, 1);
  one.offer(control, 1);
  assert.deepEqual(
    one.heard().map(({ id }) => id),
    [0],
  );
  one.offer(control, 3);
  assert.deepEqual(
    one.heard().map(({ id }) => id),
    [1, 2, 3],
  );
  // A buffer that is too short has as much as it holds.
  one.offer(control, 2, 10);
  one.say(1, console.CONSOLE_PORT_READY, 1);
  assert.deepEqual(
    one.heard().map(({ name }) => name),
    ["pi", undefined],
  );
});

test("messages that make no sense are dropped", () => {
  const [one, two] = piped();
  for (const [id, event, value] of [
    [2, console.CONSOLE_PORT_OPEN, 1],
    [0xffff_ffff, console.CONSOLE_PORT_READY, 1],
    [0, 9, 1],
    [1, console.CONSOLE_PORT_NAME, 1],
    [0, console.CONSOLE_DEVICE_READY, 0],
  ] as const)
    one.say(id, event, value);
  one.put(one.queues[console.CONSOLE_CONTROL_TRANSMIT]!, Buffer.from([1]));
  one.queues[console.CONSOLE_CONTROL_TRANSMIT]!.offer([{ ipa: machineMap.RAM_BASE + 0x10_0000, bytes: 8, write: true }]);
  one.queues[console.CONSOLE_CONTROL_TRANSMIT]!.kick();
  assert.deepEqual([one.heard(), two.heard()], [[], []]);
  two.offer(two.receiveQueue(1), 1);
  one.send(1, "still there");
  assert.equal(two.received(1), "still there");
});

// --- the VM's console

/** Types, and the board's interrupts come. */
const type = (board: Machine, text: string): void => {
  board.uart.type(text);
  later(board);
};

test("what port 0 sends is the VM's output, and what is typed comes there once it is open, before that to the UART", () => {
  const board = startSystem({ vms: [CONSOLE] });
  const guest = board.running(0)!;
  const driver = new ConsoleDriver(guest);
  board.uart.take();
  guest.store(U + pl011.UART_CR, BigInt(pl011.CR_UARTEN | pl011.CR_RXE | pl011.CR_TXE));
  guest.store(U + pl011.UART_IMSC, BigInt(pl011.INT_RX | pl011.INT_RT));
  type(board, "a");
  assert.equal(guest.load(U + pl011.UART_DR), BigInt("a".charCodeAt(0)));
  driver.begin([0]);
  driver.send(0, "hello\n", 2);
  assert.equal(board.uart.take(), "hello\n");
  driver.driver.openInterrupt();
  driver.offer(driver.receiveQueue(0), 2, 16);
  type(board, "bc");
  assert.equal(driver.received(0), "bc");
  assert.equal(guest.acknowledge(), driver.driver.intid);
  assert.ok((Number(guest.load(U + pl011.UART_FR)) & pl011.FR_RXFE) !== 0, "the UART has none of it");
  // What is typed waits for buffers, and fills them.
  type(board, "d".repeat(20));
  assert.equal(driver.received(0), "d".repeat(16));
  driver.offer(driver.receiveQueue(0), 1, 16);
  assert.equal(driver.received(0), "dddd");
  // A driver that closes it leaves input to the UART.
  driver.say(0, console.CONSOLE_PORT_OPEN, 0);
  guest.store(U + pl011.UART_IMSC, BigInt(pl011.INT_RX | pl011.INT_RT));
  type(board, "e");
  assert.equal(guest.load(U + pl011.UART_DR), BigInt("e".charCodeAt(0)));
});

/** VM 0's console with its driver, and a UART whose driver sleeps until it is interrupted. */
const besideUart = (): { board: Machine; driver: ConsoleDriver; heardByUart: () => boolean } => {
  const board = startSystem({ vms: [CONSOLE] });
  const guest = board.running(0)!;
  guest.store(U + pl011.UART_CR, BigInt(pl011.CR_UARTEN | pl011.CR_RXE | pl011.CR_TXE));
  guest.store(U + pl011.UART_IMSC, BigInt(pl011.INT_RX | pl011.INT_RT));
  const driver = new ConsoleDriver(guest);
  driver.begin([0]);
  later(board);
  return { board, driver, heardByUart: () => (Number(guest.load(U + pl011.UART_MIS)) & pl011.INT_RT) !== 0 };
};

for (const [how, end] of [
  ["closes", (driver: ConsoleDriver) => driver.say(0, console.CONSOLE_PORT_OPEN, 0)],
  ["is reset", ({ driver }: ConsoleDriver) => driver.reset()],
] as const) {
  test(`input is for a UART's driver that sleeps, when the virtio console ${how}`, () => {
    const { board, driver, heardByUart } = besideUart();
    driver.offer(driver.receiveQueue(0), 2, 16);
    type(board, "b");
    assert.equal(driver.received(0), "b");
    end(driver);
    later(board);
    type(board, "c");
    assert.ok(heardByUart());
  });

  test(`what was typed before and nobody took, too, when it ${how}`, () => {
    const { board, driver, heardByUart } = besideUart();
    type(board, "b");
    assert.ok(!heardByUart());
    end(driver);
    later(board);
    assert.ok(heardByUart());
  });
}

test("a driver that knows one port alone prints and reads", () => {
  const board = startSystem({ vms: [CONSOLE] });
  const driver = new ConsoleDriver(board.running(0)!, { features: BASIC });
  board.uart.take();
  driver.send(0, "one\n");
  driver.offer(driver.receiveQueue(0), 1);
  type(board, "two");
  assert.equal(driver.received(0), "two");
  assert.equal(board.uart.take(), "one\n");
});

test("without `console` port 0 takes what is sent, and shows nothing", () => {
  const board = system(1);
  const driver = new ConsoleDriver(board.running(0)!, { ports: 2 });
  board.uart.take();
  driver.send(0, "lost\n");
  assert.equal(driver.transmitQueue(0).take().length, 1);
  later(board);
  assert.equal(board.uart.take(), "");
});

test("a slow line: a kick is not done before there is room for the output; nothing is lost", () => {
  const board = startSystem({ vms: [CONSOLE] });
  const driver = new ConsoleDriver(board.running(0)!);
  driver.begin([0]);
  board.uart.take();
  board.uart.outputDepth = 32;
  const text = "0123456789abcde\n".repeat(250);
  let [sent, back] = [0, 0];
  while (sent < 40 && back === sent) {
    driver.send(0, text);
    // The guest makes its kick again until all of it is done.
    for (let n = 0; n < 20; n++) driver.transmitQueue(0).kick();
    sent++;
    back += driver.transmitQueue(0).take().length;
  }
  assert.ok(sent > 16 && sent < 20, `${sent} of 4000 bytes each`);
  let output = "";
  for (let n = 0; n < 10_000 && output.length < sent * 4000; n++) {
    board.uart.transmit(32);
    later(board);
    driver.transmitQueue(0).kick();
    output += board.uart.take();
  }
  assert.equal(output, text.repeat(sent));
  assert.equal(driver.transmitQueue(0).take().length, 1);
});

// --- pipes

test("what one end sends the other receives, both ways, in whatever pieces; and each hears of it", () => {
  const [one, two] = piped();
  for (const driver of [one, two]) {
    driver.offer(driver.receiveQueue(1), 20, 700);
    driver.driver.openInterrupt();
  }
  const there = random(3000, 2);
  one.send(1, there, 333);
  assert.equal(two.received(1), there);
  assert.equal(two.driver.guest.acknowledge(), two.driver.intid);
  assert.deepEqual(
    one
      .transmitQueue(1)
      .take()
      .map(({ bytes }) => bytes),
    [0],
  );
  const back = random(2000, 3);
  two.send(1, back);
  assert.equal(one.received(1), back);
});

test("a sender waits for buffers at the other end, and nothing is lost or comes twice", () => {
  for (const features of [undefined, BASIC | console.CONSOLE_F_MULTIPORT]) {
    const [one, two] = piped(features === undefined ? {} : { features });
    const bytes = random(4096, 4);
    for (let n = 0; n < 4; n++) one.send(1, bytes);
    assert.equal(one.transmitQueue(1).take().length, 0);
    let got = "";
    let returned = 0;
    for (let n = 0; n < 200 && got.length < 4 * 4096; n++) {
      two.offer(two.receiveQueue(1), 1, 100 + ((n * 37) % 300));
      got += two.received(1);
      returned += one.transmitQueue(1).take().length;
    }
    assert.equal(got, bytes.repeat(4));
    assert.equal(returned, 4);
  }
});

test("what is sent while nobody has the other end open is lost, as is what waits when it closes", () => {
  const [one, two] = piped();
  two.say(1, console.CONSOLE_PORT_OPEN, 0);
  two.offer(two.receiveQueue(1), 2);
  one.send(1, "nobody hears it");
  assert.equal(one.transmitQueue(1).take().length, 1);
  two.say(1, console.CONSOLE_PORT_OPEN, 1);
  assert.deepEqual(
    one.heard().map(({ value }) => value),
    [0, 1],
  );
  one.send(1, "first");
  assert.equal(two.received(1), "first");
  const [three, four] = piped();
  three.send(1, "waits");
  assert.equal(three.transmitQueue(1).take().length, 0);
  four.say(1, console.CONSOLE_PORT_OPEN, 0);
  assert.equal(three.transmitQueue(1).take().length, 1);
  four.say(1, console.CONSOLE_PORT_OPEN, 1);
  four.offer(four.receiveQueue(1), 1);
  assert.equal(four.received(1), "");
});

test("all that waits is given back when the other end closes, however much that is", () => {
  const [one, two] = piped();
  const queue = one.transmitQueue(1);
  const at = machineMap.RAM_BASE + 0xa0_0000;
  for (let n = 0; n < 30; n++) {
    const parts = Array.from({ length: 16 }, (_, part) => ({ ipa: at + part * 4096, bytes: 4096 }));
    queue.offer(parts, machineMap.RAM_BASE + 0x90_0000 + n * 256);
  }
  queue.kick();
  assert.equal(queue.take().length, 0);
  two.say(1, console.CONSOLE_PORT_OPEN, 0);
  later(two.driver.guest.machine);
  assert.equal(queue.take().length, 30);
});

for (const [who, breakIt] of [
  ["by its own kick", (two: ConsoleDriver) => two.receiveQueue(1).kick()],
  ["seen by the sender", (_: ConsoleDriver, one: ConsoleDriver) => one.send(1, "more")],
] as const) {
  test(`a receiver that breaks its device, ${who}: it is interrupted, and its ports are nobody's any more`, () => {
    const [one, two] = piped();
    two.driver.openInterrupt();
    one.send(1, "waits for room");
    two.driver.memory.write(two.receiveQueue(1).available + 2, 2, 1000);
    breakIt(two, one);
    later(one.driver.guest.machine);
    assert.equal(two.driver.guest.acknowledge(), two.driver.intid);
    assert.ok(one.transmitQueue(1).take().length > 0);
    assert.deepEqual(one.heard(), [{ id: 1, event: console.CONSOLE_PORT_OPEN, value: 0 }]);
  });
}

for (const [how, reset] of [
  ["its driver resets the device", ({ driver }: ConsoleDriver): void => driver.reset()],
  ["it resets itself", ({ driver }: ConsoleDriver): void => void driver.guest.hvc(0x8400_0009n)],
  ["it switches itself off", ({ driver }: ConsoleDriver): void => void driver.guest.hvc(0x8400_0008n)],
] as const) {
  test(`a VM in the middle of receiving: ${how}; the other end hears of it and goes on`, () => {
    const [one, two] = piped();
    one.driver.openInterrupt();
    two.offer(two.receiveQueue(1), 1, 2);
    one.send(1, "waits for room");
    assert.equal(two.received(1), "wa");
    reset(two);
    later(two.driver.guest.machine);
    assert.deepEqual(one.heard(), [{ id: 1, event: console.CONSOLE_PORT_OPEN, value: 0 }]);
    assert.equal(one.transmitQueue(1).take().length, 1);
    assert.equal(one.driver.guest.acknowledge(), one.driver.intid);
    one.send(1, "lost");
    assert.equal(one.transmitQueue(1).take().length, 1);
  });
}

test("nothing is sent or received before DRIVER_OK, whoever kicks", () => {
  const [one, two] = piped();
  const { driver } = two;
  driver.reset();
  later(driver.guest.machine);
  driver.negotiate(driver.offered);
  for (const queue of two.queues) queue.open();
  two.transmitQueue(1).offered = 0;
  two.send(1, "too early");
  one.offer(one.receiveQueue(1), 1);
  assert.deepEqual([one.received(1), two.transmitQueue(1).seen], ["", 0]);
});

test("a piece of work is bounded, be what is sent as large as it may", () => {
  const [one, two] = piped();
  const { machine } = one.driver.guest;
  two.offer(two.receiveQueue(1), 32, 1);
  one.transmitQueue(1).offer([{ ipa: machineMap.RAM_BASE, bytes: 0x80_0000 }]);
  let most = 0;
  for (let n = 0; n < 200; n++) {
    const before = machine.calls;
    one.transmitQueue(1).kick();
    most = Math.max(most, machine.calls - before);
    const got = two.receiveQueue(1).take().length;
    two.offer(two.receiveQueue(1), got, n < 100 ? 1 : 0x1000);
  }
  assert.ok(most < 2000, `${most} calls of the HAL at one kick`);
});
