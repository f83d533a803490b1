// AssemblyScript evaluates the target of `op=`, `++` and `--` twice: once to read, once to write.

import ts from "typescript";
import { walk } from "../sources.ts";
import { sourceRule } from "./source-rule.ts";

const isStep = (node: ts.Node): node is ts.PrefixUnaryExpression | ts.PostfixUnaryExpression =>
  (ts.isPrefixUnaryExpression(node) || ts.isPostfixUnaryExpression(node)) &&
  (node.operator === ts.SyntaxKind.PlusPlusToken || node.operator === ts.SyntaxKind.MinusMinusToken);

const isAssignment = (node: ts.Node, first: ts.SyntaxKind): node is ts.BinaryExpression =>
  ts.isBinaryExpression(node) && node.operatorToken.kind >= first && node.operatorToken.kind <= ts.SyntaxKind.LastAssignment;

function hasEffect(target: ts.Expression): boolean {
  let found = false;
  walk(target, (node) => {
    found ||= isStep(node) || isAssignment(node, ts.SyntaxKind.FirstAssignment) || ts.isCallExpression(node);
  });
  return found;
}

export const doubleEvaluation = sourceRule("double-evaluation", (node, { tree }) => {
  const target = isStep(node) ? node.operand : isAssignment(node, ts.SyntaxKind.FirstCompoundAssignment) ? node.left : undefined;
  if (target === undefined || !hasEffect(target)) return undefined;
  return `\`${target.getText(tree)}\` would be evaluated twice; put what it steps or calls into a const first`;
});
