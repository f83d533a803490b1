// What came of the cases of a guest that tests: `ok NAME`, or `WRONG NAME` with what came instead, and a last line that counts.

import * as console from "./console";

@unmanaged
class Score {
  ok: u32;
  wrong: u32;
}
const score = changetype<Score>(memory.data(8, 4));

/** Starts the line of a case, which the caller ends; returns whether it holds. */
export function tell(holds: bool, name: string): bool {
  console.text(holds ? "ok " : "WRONG ");
  console.text(name);
  if (holds) score.ok++;
  else score.wrong++;
  return holds;
}

/** A case by itself. */
export function holds(name: string, condition: bool): void {
  tell(condition, name);
  console.newLine();
}

/** `is` came out where `should` was due. */
export function same(name: string, is: u64, should: u64): void {
  if (tell(is == should, name)) console.newLine();
  else console.line("", "0x%x for 0x%x", is, should);
}

/** `is` lies in [low, high]. */
export function between(name: string, is: u64, low: u64, high: u64): void {
  if (tell(is >= low && is <= high, name)) console.newLine();
  else console.line("", "0x%x is not in [0x%x, 0x%x]", is, low, high);
}

/** The last line; returns how many were wrong. */
export function summary(guest: string): u32 {
  console.line(guest, "%d ok, %d wrong", score.ok, score.wrong);
  return score.wrong;
}
