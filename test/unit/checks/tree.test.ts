// The tree as it is: every rule holds.

import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { test } from "node:test";
import { ROOT } from "../../../tool/paths.ts";

test("npm run check passes, and prints what it has measured", () => {
  const figures = execFileSync(process.execPath, ["tool/chain/check.ts"], { cwd: ROOT, encoding: "utf8" });
  assert.match(figures, /^TypeScript: \d+\.\d % of the hand-written lines at EL2/m);
  assert.match(figures, /^deepest stack of hl_sync: \d+ of 16320 bytes$/m);
  assert.match(figures, /^HAL: \d+ functions in src\/hal\/, \d+ in metal\/, \d+ in sim\//m);
});
