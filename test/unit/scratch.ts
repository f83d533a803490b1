// A folder that a test may fill, gone when the process ends.

import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const folders: string[] = [];

process.once("exit", () => {
  for (const folder of folders) rmSync(folder, { recursive: true, force: true });
});

export const scratch = (): string => {
  const folder = mkdtempSync(join(tmpdir(), "hyper-lite-test-"));
  folders.push(folder);
  return folder;
};
