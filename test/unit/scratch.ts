// A folder that a test may fill, gone when the process ends.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

export const scratch = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "hyper-lite-test-"));
  process.once("exit", () => rmSync(folder, { recursive: true, force: true }));
  return folder;
};
