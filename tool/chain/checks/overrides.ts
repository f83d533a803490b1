// No overrides: a method that overrides another is called by a table in front of the record, and an @unmanaged class has none there: it would
// dispatch on whatever bytes lie before it.

import ts from "typescript";
import { type Source, walk } from "../sources.ts";
import type { Rule } from "./rule.ts";
import { problemAt } from "./source-rule.ts";

interface Class {
  readonly source: Source;
  readonly node: ts.ClassDeclaration;
  readonly base: string | undefined;
}

const nameOf = (member: ts.ClassElement): string | undefined =>
  member.name && ts.isIdentifier(member.name) ? member.name.text : undefined;

export const overrides: Rule<readonly Source[]> = {
  name: "no-overrides",
  check: (sources, report) => {
    const classes = new Map<string, Class>();
    for (const source of sources)
      walk(source.tree, (node) => {
        if (!ts.isClassDeclaration(node) || node.name === undefined) return;
        const base = node.heritageClauses?.[0]?.types[0]?.expression.getText(source.tree);
        classes.set(node.name.text, { source, node, base });
      });
    for (const { source, node, base } of classes.values()) {
      for (let next = classes.get(base ?? ""); next; next = classes.get(next.base ?? "")) {
        const inherited = new Set(next.node.members.map(nameOf));
        for (const member of node.members) {
          const name = nameOf(member);
          if (name !== undefined && inherited.has(name))
            problemAt(
              report,
              source,
              member,
              `${name} overrides that of ${next.node.name?.text}; write a function with a \`switch\` over an id`,
            );
        }
      }
    }
  },
};
