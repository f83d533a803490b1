// Decorators stand on classes alone (`@unmanaged`): elsewhere tsc takes them for something else, or does not take them.

import ts from "typescript";
import { sourceRule } from "./source-rule.ts";

export const decorators = sourceRule("decorators", (node, { tree }) => {
  if (!ts.isDecorator(node)) return undefined;
  const name = node.expression.getText(tree);
  if (name === "inline" || name === "lazy") return `@${name}; leave it out, the optimisers inline what is worth it`;
  if (!ts.isClassDeclaration(node.parent)) return `@${name} on something that is no class; leave it out`;
  return name === "unmanaged" ? undefined : `@${name}; a record has @unmanaged and nothing else`;
});
