// Faults that are none: nothing that the core does is different with them. Each was looked at, and says why.

import type { FaultName } from "./faults.ts";

export interface Equivalent extends FaultName {
  readonly why: string;
}

export const equivalents: readonly Equivalent[] = [];
