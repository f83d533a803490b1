// What an exception at EL2 leaves behind, for the core to report: registers, a stack, names of functions.

export class Crash {
  /** X0 to X30, then SP, ELR, SPSR, ESR, FAR, HPFAR. */
  readonly registers: bigint[] = Array.from({ length: 37 }, () => 0n);
  /** Words of the stack, by address. */
  readonly stack = new Map<bigint, bigint>();
  /** Functions, by address, in ascending order. */
  symbols: readonly { readonly start: bigint; readonly name: string }[] = [];

  /** Index of the function that `pc` lies in << 32 | offset in it. */
  symbolOf(pc: bigint): bigint | undefined {
    const index = this.symbols.findLastIndex(({ start }) => start <= pc);
    const found = this.symbols[index];
    return found === undefined ? undefined : (BigInt(index) << 32n) | (pc - found.start);
  }

  nameByte(index: number, at: number): number {
    return this.symbols[index]?.name.charCodeAt(at) || 0;
  }
}
