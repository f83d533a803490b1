// A client of QEMU's gdbstub on a Unix socket (GDB's remote serial protocol; registers are named by the target's description, which QEMU makes).

import type { Socket } from "node:net";
import { connectTo } from "../tool/unix-socket.ts";

/** How much of a description QEMU sends at once. */
const PART = 0xff0;

export class Gdb {
  readonly #socket: Socket;
  #received = "";
  #closed = false;
  #wake: () => void = () => {};

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setEncoding("latin1");
    socket.on("data", (text: string) => {
      this.#received += text;
      this.#wake();
    });
    socket.on("close", () => {
      this.#closed = true;
      this.#wake();
    });
  }

  /** Connects as soon as QEMU listens; `ended` says that it will not. */
  static async open(path: string, ended: () => boolean): Promise<Gdb> {
    return new Gdb(await connectTo(path, ended));
  }

  /** The answer to a packet; of one that lets the target run, why it stopped. */
  async ask(packet: string): Promise<string> {
    this.send(packet);
    for (;;) {
      const match = /\$([^#]*)#../.exec(this.#received);
      if (match !== null) {
        this.#received = this.#received.slice(match.index + match[0].length);
        this.#socket.write("+");
        return match[1]!;
      }
      if (this.#closed) throw new Error(`QEMU's gdbstub closed in place of an answer to ${packet}`);
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
  }

  send(packet: string): void {
    const sum = Buffer.from(packet, "latin1").reduce((total, byte) => (total + byte) & 0xff, 0);
    this.#socket.write(`$${packet}#${sum.toString(16).padStart(2, "0")}`, "latin1");
  }

  /** The number of a system register. */
  async registerNamed(name: string): Promise<number> {
    await this.ask("qXfer:features:read:target.xml:0,ff0");
    let description = "";
    for (let part = ""; !part.startsWith("l"); description += part.slice(1)) {
      part = await this.ask(`qXfer:features:read:system-registers.xml:${description.length.toString(16)},${PART.toString(16)}`);
    }
    const number = new RegExp(`<reg name="${name}"[^>]* regnum="(\\d+)"`).exec(description)?.[1];
    if (number === undefined) throw new Error(`QEMU's gdbstub does not know ${name}`);
    return Number(number);
  }

  /** Eight bytes, as they lie in memory. */
  readRegister(number: number): Promise<string> {
    return this.ask(`p${number.toString(16)}`);
  }

  async writeRegister(number: number, bytes: string): Promise<void> {
    await this.ask(`P${number.toString(16)}=${bytes}`);
  }

  readWord(address: bigint): Promise<string> {
    return this.ask(`m${address.toString(16)},4`);
  }

  async writeWord(address: bigint, bytes: string): Promise<void> {
    await this.ask(`M${address.toString(16)},4:${bytes}`);
  }
}
