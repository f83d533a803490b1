// What an exception at EL2 leaves behind, for the core to report: registers, a stack, names of functions.

export class Crash {
  /** X0 to X30, then SP, ELR, SPSR, ESR, FAR, HPFAR. */
  readonly registers: bigint[] = Array.from({ length: 37 }, () => 0n);
  /** Words of the stack, by address. */
  readonly stack = new Map<bigint, bigint>();
  /** The table of functions, as tool/chain/symbols.ts makes it. */
  symbols: Buffer = Buffer.alloc(4);

  symbolWord(index: number): number {
    return 4 * index + 4 <= this.symbols.length ? this.symbols.readUInt32LE(4 * index) : 0;
  }
}
