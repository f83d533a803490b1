// Plain tsc accepts the sources: what is not TypeScript for everybody is none for us, and addresses of different kinds do not mix.

import { relative } from "node:path";
import ts from "typescript";
import { ROOT } from "../../paths.ts";
import { lineOf } from "../sources.ts";
import type { Rule } from "./rule.ts";

export const types: Rule<ts.Program> = {
  name: "tsc",
  check: (program, report) => {
    for (const { file, start = 0, messageText, code } of ts.getPreEmitDiagnostics(program)) {
      const at = file ? `${relative(ROOT, file.fileName)}:${lineOf(file, start)}` : "src/tsconfig.json";
      report.problem(at, `TS${code}: ${ts.flattenDiagnosticMessageText(messageText, " ")}`);
    }
  },
};

/** A comment that switches tsc off hides what the next line does. */
export const noIgnore: Rule<readonly { path: string; tree: ts.SourceFile }[]> = {
  name: "no-ts-ignore",
  check: (sources, report) => {
    for (const { path, tree } of sources)
      for (const { index, 0: found } of tree.text.matchAll(/@ts-(ignore|expect-error|nocheck)/g))
        report.problem(`${path}:${lineOf(tree, index)}`, `${found}; write a cast that says what is meant`);
  },
};
