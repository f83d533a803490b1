// The virtual UART, a PL011 (Arm DDI 0183): what a guest sees at every register, output at once, input that waits until the guest reads, interrupts.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machine } from "../../../abi/guest.ts";
import { pl011, pl011Ids } from "../../../abi/pl011.ts";
import type { Guest } from "../../../sim/guest.ts";
import { intids } from "../../../sim/interrupts.ts";
import { start } from "../../../sim/start.ts";

const { UART_DR, UART_FR, UART_IBRD, UART_FBRD, UART_LCR_H, UART_CR, UART_IFLS, UART_IMSC, UART_RIS, UART_MIS, UART_ICR } = pl011;
const D = machine.GICD_BASE;
const ENABLED = BigInt(pl011.CR_UARTEN | pl011.CR_RXE | pl011.CR_TXE);
const FIFO = BigInt(pl011.LCR_FEN | 0x60);
const RECEIVE = BigInt(pl011.INT_RX | pl011.INT_RT);

type Width = 1 | 2 | 4;
const read = (guest: Guest, offset: number, bytes: Width = 4): number =>
  Number(guest.load(machine.UART_BASE + offset, { bytes, rt: 4 }));
const write = (guest: Guest, offset: number, value: number | bigint, bytes: Width = 4): void =>
  guest.store(machine.UART_BASE + offset, BigInt(value), { bytes, rt: 5 });

/** A guest whose distributor lets the UART's interrupt through. */
const at = (): Guest => {
  const guest = start();
  guest.store(machine.GICR_BASE + 0x14, 0n);
  guest.store(D, 2n);
  guest.store(D + 0x84, 2n);
  guest.store(D + 0x104, 2n);
  guest.openInterrupts();
  guest.machine.uart.take();
  return guest;
};

/** Opens the port as Linux does: enables the UART, empties the FIFO, clears interrupts, then unmasks receiving. */
const openAsLinux = (guest: Guest): void => {
  write(guest, UART_CR, ENABLED);
  write(guest, UART_LCR_H, FIFO);
  while ((read(guest, UART_FR) & pl011.FR_RXFE) === 0) read(guest, UART_DR);
  write(guest, UART_ICR, 0x7ff);
  write(guest, UART_IMSC, RECEIVE);
};

/** Reads what is there as Linux's handler does. */
const receive = (guest: Guest): string => {
  const bytes: number[] = [];
  while ((read(guest, UART_FR) & pl011.FR_RXFE) === 0) bytes.push(read(guest, UART_DR) & 0xff);
  return String.fromCharCode(...bytes);
};

test("it identifies itself as a PL011 of Arm, as a PrimeCell", () => {
  const guest = at();
  assert.deepEqual(
    pl011Ids.map((_, n) => read(guest, pl011.UART_PERIPH_ID + 4 * n)),
    pl011Ids,
  );
});

test("at reset: receiver and transmitter on, UART off, FIFOs off, nothing to read", () => {
  const guest = at();
  assert.equal(read(guest, UART_CR), 0x300);
  assert.equal(read(guest, UART_IFLS), 0x12);
  for (const offset of [UART_IBRD, UART_FBRD, UART_LCR_H, UART_IMSC, UART_RIS, UART_MIS]) assert.equal(read(guest, offset), 0);
  assert.equal(read(guest, UART_FR), pl011.FR_TXFE | pl011.FR_RXFE | pl011.FR_CTS | pl011.FR_DSR | pl011.FR_DCD);
});

test("registers keep the bits that they have", () => {
  const guest = at();
  for (const [offset, kept] of [
    [UART_IBRD, 0xffff],
    [UART_FBRD, 0x3f],
    [UART_LCR_H, 0xff],
    [UART_CR, 0xff87],
    [UART_IFLS, 0x3f],
    [UART_IMSC, 0x7ff],
  ] as const) {
    write(guest, offset, 0xffff_ffff);
    assert.equal(read(guest, offset), kept, `offset 0x${offset.toString(16)}`);
    write(guest, offset, 0);
    assert.equal(read(guest, offset), 0);
  }
});

test("every width reads its part of a register", () => {
  const guest = at();
  write(guest, UART_IBRD, 0x1234);
  assert.deepEqual(
    [0, 1, 2, 3].map((n) => read(guest, UART_IBRD + n, 1)),
    [0x34, 0x12, 0, 0],
  );
  assert.deepEqual(
    [0, 2].map((n) => read(guest, UART_IBRD + n, 2)),
    [0x1234, 0],
  );
});

test("a narrow write at a register's first byte is one of the register, elsewhere it is dropped", () => {
  const guest = at();
  write(guest, UART_IBRD, 0x1234);
  write(guest, UART_IBRD + 1, 0xff, 1);
  write(guest, UART_IBRD + 2, 0xffff, 2);
  assert.equal(read(guest, UART_IBRD), 0x1234);
  write(guest, UART_IBRD, 0x56, 1);
  assert.equal(read(guest, UART_IBRD), 0x56);
});

test("unknown registers read as zero and ignore writes", () => {
  const guest = at();
  const known = new Set([
    UART_DR,
    UART_FR,
    UART_IBRD,
    UART_FBRD,
    UART_LCR_H,
    UART_CR,
    UART_IFLS,
    UART_IMSC,
    UART_RIS,
    UART_MIS,
    UART_ICR,
  ]);
  for (let offset = 0; offset < pl011.UART_PERIPH_ID; offset += 4) {
    if (known.has(offset)) continue;
    write(guest, offset, 0xffff_ffff);
    assert.equal(read(guest, offset), 0, `offset 0x${offset.toString(16)}`);
  }
  assert.equal(guest.sysreg("ESR_EL1"), 0n);
});

for (const bytes of [1, 2, 4] as const) {
  test(`output by ${bytes} bytes: the low one appears at once`, () => {
    const guest = at();
    for (const char of "hi\n") write(guest, UART_DR, char.charCodeAt(0) | (bytes > 1 ? 0x4100 : 0), bytes);
    assert.equal(guest.machine.uart.output, "hi\n");
  });
}

test("what the board's UART has no room for is sent when it interrupts, and the guest does not wait for that", () => {
  const guest = at();
  const { uart } = guest.machine;
  uart.outputDepth = 4;
  for (const char of "twelve bytes") write(guest, UART_DR, char.charCodeAt(0));
  assert.equal(uart.output, "twel");
  assert.equal(read(guest, UART_FR) & pl011.FR_TXFF, 0);
  for (let n = 0; n < 4; n++) {
    uart.transmit(4);
    guest.poll();
  }
  assert.equal(uart.output, "twelve bytes");
  uart.transmit(4);
  assert.equal(uart.line, false, "nobody waits for room any more");
});

test("a guest that prints faster than the line for long is told to wait, and loses nothing", () => {
  const guest = at();
  const { uart } = guest.machine;
  uart.outputDepth = 16;
  write(guest, UART_IMSC, pl011.INT_TX);
  let printed = "";
  while ((read(guest, UART_FR) & pl011.FR_TXFF) === 0) {
    const char = String.fromCharCode(33 + (printed.length % 90));
    write(guest, UART_DR, char.charCodeAt(0));
    printed += char;
  }
  assert.ok(printed.length > 60_000 && printed.length < 70_000, `${printed.length} bytes`);
  assert.equal(read(guest, UART_FR) & pl011.FR_TXFE, 0);
  assert.equal(read(guest, UART_MIS), 0, "no room to tell of");
  for (let n = 0; n < 10_000 && uart.output.length < printed.length; n++) {
    uart.transmit(16);
    guest.poll();
  }
  assert.equal(uart.output, printed);
  assert.equal(read(guest, UART_FR) & (pl011.FR_TXFF | pl011.FR_TXFE), pl011.FR_TXFE);
  assert.equal(read(guest, UART_MIS), pl011.INT_TX, "there is room again");
});

test("transmission interrupts after a byte, until it is cleared", () => {
  const guest = at();
  write(guest, UART_IMSC, pl011.INT_TX);
  assert.equal(guest.isSignalled, false);
  write(guest, UART_DR, 0x41);
  assert.equal(read(guest, UART_RIS), pl011.INT_TX);
  assert.equal(read(guest, UART_MIS), pl011.INT_TX);
  assert.equal(guest.acknowledge(), intids.UART);
  write(guest, UART_ICR, pl011.INT_TX);
  guest.end(intids.UART);
  assert.equal(guest.isSignalled, false);
});

test("Linux's pattern: what was typed before the port is open waits, and all of it arrives", () => {
  const guest = at();
  const { uart } = guest.machine;
  uart.type("echo early\n");
  guest.poll();
  openAsLinux(guest);
  assert.equal(uart.waiting, 0, "taken when the guest reads, not before");
  assert.equal(guest.acknowledge(), intids.UART);
  assert.equal(receive(guest), "echo early\n");
  guest.end(intids.UART);
  assert.equal(guest.isSignalled, false);
});

test("nothing is taken from the board while the guest does not read", () => {
  const guest = at();
  const { uart } = guest.machine;
  uart.type("waits");
  guest.poll();
  write(guest, UART_CR, ENABLED);
  // A guest that prints looks at the flags before each byte: it does not wait for input.
  for (let n = 0; n < 20; n++) {
    read(guest, UART_FR);
    write(guest, UART_DR, 0x41);
  }
  assert.equal(uart.waiting, 5);
});

test("input that comes later interrupts the guest", () => {
  const guest = at();
  openAsLinux(guest);
  assert.equal(guest.isSignalled, false);
  guest.machine.uart.type("a");
  guest.poll();
  assert.equal(guest.acknowledge(), intids.UART);
  assert.equal(read(guest, UART_MIS), pl011.INT_RT);
  assert.equal(receive(guest), "a");
  guest.end(intids.UART);
  guest.machine.uart.type("b");
  guest.poll();
  assert.equal(guest.acknowledge(), intids.UART);
  assert.equal(receive(guest), "b");
});

test("any amount of input arrives in order, the FIFO holds 32 bytes of it", () => {
  const guest = at();
  openAsLinux(guest);
  const text = Array.from({ length: 500 }, (_, n) => String.fromCharCode(33 + (n % 90))).join("");
  guest.machine.uart.type(text);
  guest.poll();
  assert.equal(guest.machine.uart.waiting, 500 - 32);
  assert.equal(read(guest, UART_FR) & pl011.FR_RXFF, pl011.FR_RXFF);
  let got = "";
  while (guest.acknowledge() === intids.UART) {
    got += receive(guest);
    guest.end(intids.UART);
  }
  assert.equal(got, text);
});

test("without FIFOs it holds one byte", () => {
  const guest = at();
  write(guest, UART_CR, ENABLED);
  write(guest, UART_IMSC, RECEIVE);
  guest.machine.uart.type("xyz");
  guest.poll();
  assert.equal(guest.machine.uart.waiting, 2);
  assert.equal(receive(guest), "xyz");
});

test("a guest that polls, and unmasks nothing, gets its input too", () => {
  const guest = at();
  write(guest, UART_CR, ENABLED);
  guest.machine.uart.type("polled");
  let got = "";
  for (let n = 0; n < 100 && got.length < 6; n++) {
    if ((read(guest, UART_FR) & pl011.FR_RXFE) === 0) got += String.fromCharCode(read(guest, UART_DR));
  }
  assert.equal(got, "polled");
  assert.equal(guest.isSignalled, false);
});

test("the receive interrupt comes at the level that UARTIFLS sets, the timeout at once", () => {
  const guest = at();
  for (const [select, level] of [
    [0, 4],
    [1, 8],
    [2, 16],
    [3, 24],
    [4, 28],
  ] as const) {
    openAsLinux(guest);
    write(guest, UART_IFLS, select << 3);
    guest.machine.uart.type("x".repeat(level - 1));
    guest.poll();
    assert.equal(read(guest, UART_RIS), pl011.INT_RT, `below ${level}`);
    guest.machine.uart.type("x");
    guest.poll();
    assert.equal(read(guest, UART_RIS), pl011.INT_RT | pl011.INT_RX, `at ${level}`);
    receive(guest);
  }
});

test("a receive interrupt of the board that stands with an empty FIFO is taken back", () => {
  const guest = at();
  openAsLinux(guest);
  guest.machine.uart.leaveInterrupt();
  guest.poll();
  guest.machine.uart.type("ab");
  guest.poll();
  assert.equal(receive(guest), "ab");
});

test("a byte that comes while a receive interrupt is taken back is not lost", () => {
  const guest = at();
  openAsLinux(guest);
  const { uart } = guest.machine;
  const write = uart.write.bind(uart);
  uart.write = (offset, bytes, value) => {
    if (offset === UART_ICR && uart.waiting === 0) uart.type("x");
    write(offset, bytes, value);
  };
  uart.leaveInterrupt();
  guest.poll();
  uart.write = write;
  assert.ok(receive(guest).includes("x"));
});

test("masked input interrupts nobody", () => {
  const guest = at();
  openAsLinux(guest);
  write(guest, UART_IMSC, 0);
  guest.machine.uart.type("quiet");
  guest.poll();
  assert.equal(guest.isSignalled, false);
  assert.equal(guest.machine.uart.waiting, 5);
});

test("a UART or receiver that is switched off takes no input", () => {
  for (const control of [0, pl011.CR_UARTEN | pl011.CR_TXE, pl011.CR_RXE]) {
    const guest = at();
    openAsLinux(guest);
    write(guest, UART_CR, control);
    guest.machine.uart.type("x");
    guest.poll();
    assert.equal(guest.machine.uart.waiting, 1);
  }
});

test("a read of an empty FIFO is zero", () => {
  assert.equal(read(at(), UART_DR), 0);
});
