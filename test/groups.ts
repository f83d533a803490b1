// What `node --test` is to run for some layers of tests: files of the core and of the simulator in groups, each a module that one process runs, for what
// such a process loads, compiles and learns serves all of them; every other file in a process of its own.
//
//     node test/groups.ts unit sim boot
//
// writes the groups to build/test-groups/ and what to run to its output.

import { globSync, mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { BuildError, reported } from "../tool/chain/run.ts";
import { BUILD, ROOT } from "../tool/paths.ts";

/** More than the machine has CPUs, so that none of them waits long for the last group. */
const GROUPS = 8;

const isOfCore = (file: string): boolean => /^test\/(unit\/core|sim)\//.test(file);

/** What to run for test files, relative to the repository's root; `folder`: where their groups are written. */
export const grouped = (files: readonly string[], folder: string): string[] => {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const together = files.filter(isOfCore);
  const groups = Array.from({ length: Math.min(GROUPS, together.length) }, (_, group) => {
    const members = together.filter((_file, n) => n % GROUPS === group);
    const path = join(folder, `${group + 1}.ts`);
    writeFileSync(path, members.map((file) => `import "${relative(folder, join(ROOT, file))}";\n`).join(""));
    return relative(ROOT, path);
  });
  return [...groups, ...files.filter((file) => !isOfCore(file))];
};

const filesOf = (layer: string): string[] => {
  const found = globSync(`test/${layer}/**/*.test.ts`, { cwd: ROOT }).sort();
  if (found.length === 0) throw new BuildError(`there are no tests in test/${layer}: the layers are unit, sim and boot`);
  return found;
};

if (import.meta.main) {
  await reported(async () => {
    const files = process.argv.slice(2).flatMap(filesOf);
    for (const file of grouped(files, join(BUILD, "test-groups"))) process.stdout.write(`${file}\n`);
  }, "choice of tests");
}
