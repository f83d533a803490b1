// A rule on the sources that looks at one node after another.

import type ts from "typescript";
import { lineOf, type Source, walk } from "../sources.ts";
import type { Report, Rule } from "./rule.ts";

/** `visit` gives back what is wrong with a node, and what to do instead; nothing if it is all right. */
export const sourceRule = (
  name: string,
  visit: (node: ts.Node, source: Source) => string | undefined,
): Rule<readonly Source[]> => ({
  name,
  check: (sources, report) => {
    for (const source of sources)
      walk(source.tree, (node) => {
        const text = visit(node, source);
        if (text !== undefined) problemAt(report, source, node, text);
      });
  },
});

export const problemAt = (report: Report, { path, tree }: Source, node: ts.Node, text: string): void =>
  report.problem(`${path}:${lineOf(tree, node.getStart(tree))}`, text);
