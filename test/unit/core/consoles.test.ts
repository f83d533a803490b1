// The console and the virtual UARTs of several VMs together: each VM prints on its own port, and is interrupted for what is typed for it, on whatever
// CPU it runs.

import assert from "node:assert/strict";
import { test } from "node:test";
import { guest as machine } from "../../../abi/guest.ts";
import { pl011 } from "../../../abi/pl011.ts";
import { bundleOfSystem } from "../../../sim/bundles.ts";
import type { Guest } from "../../../sim/guest.ts";
import { intids } from "../../../sim/interrupts.ts";
import type { Machine } from "../../../sim/machine.ts";
import { FDT_AT, load, startSystem } from "../../../sim/start.ts";
import { pieces, printed } from "./console-output.ts";

const { UART_BASE: U, GICD_BASE: D } = machine;

const start = (console: "terminal" | "lines"): Machine =>
  startSystem({ cpus: 2, console, vms: [{ name: "alpha" }, { name: "beta" }] });

/** A VM's guest, which has opened its UART as Linux does. */
const open = (board: Machine, vm: number): Guest => {
  const guest = board.running(vm);
  assert.ok(guest, `VM ${vm} runs`);
  guest.store(machine.GICR_BASE + 0x14, 0n);
  guest.store(D, 2n);
  guest.store(D + 0x84, 2n);
  guest.store(D + 0x104, 2n);
  guest.openInterrupts();
  guest.store(U + pl011.UART_CR, BigInt(pl011.CR_UARTEN | pl011.CR_RXE | pl011.CR_TXE));
  guest.store(U + pl011.UART_LCR_H, BigInt(pl011.LCR_FEN | 0x60));
  guest.store(U + pl011.UART_IMSC, BigInt(pl011.INT_RX | pl011.INT_RT));
  return guest;
};

const print = (guest: Guest, text: string): void => {
  for (const byte of Buffer.from(text)) guest.store(U + pl011.UART_DR, BigInt(byte));
};

/** Takes the UART's interrupt and reads, as Linux's handler does. */
const receive = (guest: Guest): string => {
  assert.equal(guest.acknowledge(), intids.UART);
  let text = "";
  while ((Number(guest.load(U + pl011.UART_FR, { rt: 4 })) & pl011.FR_RXFE) === 0)
    text += String.fromCharCode(Number(guest.load(U + pl011.UART_DR, { rt: 4 })));
  guest.end(intids.UART);
  return text;
};

test("on a terminal each VM gets what is typed while it has the focus, with an interrupt of its own", () => {
  const board = start("terminal");
  const [alpha, beta] = [open(board, 0), open(board, 1)];
  board.uart.take();
  print(beta, "beta boots\r\n");
  print(alpha, "~ # ");
  assert.equal(printed(board.uart.take()), "~ # ");
  board.uart.type("one\u00012two");
  board.run.settle();
  assert.equal(receive(alpha), "one");
  assert.equal(receive(beta), "two");
  assert.equal(printed(board.uart.take()), "beta boots\r\n");
  assert.equal(alpha.isSignalled || beta.isSignalled, false);
});

test("line by line, lines of VMs do not mix, and input is the first one's", () => {
  const board = start("lines");
  const [alpha, beta] = [open(board, 0), open(board, 1)];
  board.uart.take();
  for (const [n, char] of [..."one\n"].entries()) {
    print(alpha, char);
    print(beta, "two\n".charAt(n));
  }
  print(alpha, "~ # ");
  alpha.store(U + pl011.UART_IMSC, BigInt(pl011.INT_RX | pl011.INT_RT));
  assert.equal(printed(board.uart.take()), "alpha| one\nbeta| two\nalpha| ~ # ");
  board.uart.type("\u00012ls");
  board.run.settle();
  assert.equal(receive(alpha), "\u00012ls");
  assert.equal(beta.isSignalled, false);
});

test("line by line, input waits for the first VM, though another one is filled sooner", () => {
  const vms = [
    { name: "alpha", affinity: [1] },
    { name: "beta", affinity: [0] },
  ];
  const board = load({ machine: { cpus: 2 }, bundle: bundleOfSystem({ console: "lines", vms }) });
  board.run.boot(BigInt(FDT_AT), 0n);
  assert.ok(board.running(0) === undefined && board.running(1) !== undefined, "beta alone runs");
  const beta = open(board, 1);
  board.uart.type("ls");
  board.run.settle();
  assert.equal(beta.isSignalled, false);
  assert.equal(receive(open(board, 0)), "ls");
});

test("on a slow line a VM on another CPU than the one that the UART interrupts is told of room", () => {
  const board = start("lines");
  const beta = open(board, 1);
  board.uart.take();
  board.uart.outputDepth = 16;
  beta.store(U + pl011.UART_IMSC, BigInt(pl011.INT_TX));
  let lines = 0;
  const isFull = (): boolean => (Number(beta.load(U + pl011.UART_FR, { rt: 4 })) & pl011.FR_TXFF) !== 0;
  for (; !isFull() && lines < 10_000; lines++) print(beta, `line ${lines}\n`);
  assert.ok(lines < 10_000);
  beta.store(U + pl011.UART_ICR, BigInt(pl011.INT_TX));
  assert.equal(beta.isSignalled, false);
  for (let n = 0; n < 10_000 && !beta.isSignalled; n++) {
    board.uart.transmit(16);
    board.run.settle();
  }
  assert.equal(beta.acknowledge(), intids.UART);
  board.uart.outputDepth = Number.POSITIVE_INFINITY;
  print(beta, "end\n");
  const wanted = Array.from({ length: lines }, (_, n) => `beta| line ${n}\n`).join("");
  assert.equal(printed(board.uart.take()), `${wanted}beta| end\n`);
});

test("when a VM switches itself off, its output stays whole and the terminal goes to the other one", () => {
  const board = start("terminal");
  const [alpha, beta] = [open(board, 0), open(board, 1)];
  board.uart.take();
  print(alpha, "bye\r\n");
  alpha.hvc(0x8400_0008n);
  board.run.settle();
  const notes = pieces(board.uart.take()).flatMap(({ kind, text }) => (kind === "switch" ? [text] : []));
  assert.deepEqual(notes, ["--- 2 beta --- Ctrl-A h helps"]);
  board.uart.type("hello");
  board.run.settle();
  assert.equal(receive(beta), "hello");
});
