// The house: each folder of src/ knows those below it and nothing above. mmu, cpu and drivers do not know each other.

import { importsOf, type Source } from "../sources.ts";
import type { Rule } from "./rule.ts";
import { problemAt } from "./source-rule.ts";

/** Lowest first. build/gen/ is abi/ as the generator writes it for the core. */
const STOREYS = [
  ["abi"],
  ["hal"],
  ["lib"],
  ["log"],
  ["mmu", "cpu", "drivers"],
  ["vm"],
  ["sched"],
  ["devices"],
  ["smccc"],
  ["traps"],
  ["main"],
];
const ORDER = STOREYS.map((folders) => folders.join(", ")).join(" < ");

const folderOf = (path: string): string | undefined =>
  /^(abi|build\/gen)\//.test(path) ? "abi" : (/^src\/([^/]+)\//.exec(path)?.[1] ?? /^src\/(main)\.ts$/.exec(path)?.[1]);
const storeyOf = (folder: string | undefined): number => STOREYS.findIndex((folders) => folders.includes(folder ?? ""));

export const importOrder: Rule<readonly Source[]> = {
  name: "import-order",
  check: (sources, report) => {
    for (const source of sources) {
      const own = folderOf(source.path);
      if (storeyOf(own) < 0) report.problem(source.path, `a folder that the house does not have; it has ${ORDER}`);
      for (const { path, node } of importsOf(source)) {
        const other = folderOf(path);
        if (other === own || (storeyOf(other) >= 0 && storeyOf(other) < storeyOf(own))) continue;
        problemAt(
          report,
          source,
          node,
          `${own} does not know ${other ?? path}; move what is needed down, or hand it over from above (${ORDER})`,
        );
      }
    }
  },
};
