// What TypeScript has and the dialect has not, because AssemblyScript compiles it to something else, to a function table or not at all.

import ts from "typescript";
import { sourceRule } from "./source-rule.ts";

const isInside = (node: ts.Node): boolean => !ts.isSourceFile(node.parent);

export const closures = sourceRule("no-closures", (node) => {
  if (ts.isArrowFunction(node) || ts.isFunctionExpression(node))
    return "a function as a value needs a table; write a function at top level and call it";
  if (ts.isFunctionDeclaration(node) && isInside(node))
    return "a function in a function; move it to top level and hand it what it needs";
  return undefined;
});

export const plainTypes = sourceRule("plain-types", (node) => {
  if (ts.isUnionTypeNode(node)) return "a union type; choose by an id, a missing record is address 0";
  if (ts.isParameter(node) && node.dotDotDotToken)
    return "a rest parameter; take as many as are needed, three at most for a log line";
  if (ts.isImportDeclaration(node) && node.importClause?.isTypeOnly) return "asc rejects `import type`; write `import`";
  if (ts.isImportSpecifier(node) && node.isTypeOnly) return "asc rejects `import { type … }`; write `import { … }`";
  return undefined;
});

export const exceptions = sourceRule("no-exceptions", (node) =>
  ts.isThrowStatement(node) || ts.isTryStatement(node) ? "exceptions; return a result, or stop with halt.crash" : undefined,
);
