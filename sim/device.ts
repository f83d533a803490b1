// A device of the board: registers at physical addresses.

export interface Device {
  readonly base: number;
  readonly size: number;
  read(offset: number, bytes: number): bigint;
  write(offset: number, bytes: number, value: bigint): void;
}
