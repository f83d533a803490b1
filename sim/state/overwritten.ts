// Registers that EL2 has written, and what they held before: by their places in one list of names, since every exit looks here.

export class Overwritten {
  readonly #isIn: Uint8Array;
  readonly #old: BigUint64Array;
  /** How many there are. */
  count = 0;

  /** `places`: how many registers can be. */
  constructor(places: number) {
    this.#isIn = new Uint8Array(places);
    this.#old = new BigUint64Array(places);
  }

  has(place: number): boolean {
    return this.#isIn[place] === 1;
  }
  /** What that one held, which is one of them. */
  old(place: number): bigint {
    return this.#old[place]!;
  }
  add(place: number, old: bigint): void {
    this.#isIn[place] = 1;
    this.#old[place] = old;
    this.count++;
  }
  clear(): void {
    this.#isIn.fill(0);
    this.count = 0;
  }
}
