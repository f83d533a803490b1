// Runs every mistake under test/unit/config/, each a file of its own, in one process.

import { globSync } from "node:fs";
import { join } from "node:path";

const folder = join(import.meta.dirname, "config");
for (const file of globSync("*.ts", { cwd: folder }).sort()) await import(join(folder, file));
