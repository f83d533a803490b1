// No circles among files: each can be read, and tested, behind those that it imports.

import ts from "typescript";
import { circles, type Graph } from "../graph.ts";
import { importsOf, type Source } from "../sources.ts";
import type { Rule } from "./rule.ts";

/** Who imports whom. What is imported as a type alone is gone before anything runs. */
export const importGraph = (sources: readonly Source[]): Graph =>
  new Map(
    sources.map((source) => {
      const imports = importsOf(source).filter(({ node }) => !(ts.isImportDeclaration(node) && node.importClause?.isTypeOnly));
      return [source.path, new Set(imports.map(({ path }) => path))];
    }),
  );

export const fileCircles: Rule<Graph> = {
  name: "no-circles",
  check: (graph, report) => {
    for (const files of circles(graph))
      report.problem(
        files[0] ?? "",
        `imports itself by way of ${files.slice(1).join(", ") || "itself"}; move what both need into a file of its own`,
      );
  },
};
