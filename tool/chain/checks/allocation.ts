// AssemblyScript's allocator is never used, not at boot either: it brings a heap, memory.grow and a mutable global.

import ts from "typescript";
import { sourceRule } from "./source-rule.ts";

const RECORDS = "take records from the arena: changetype<T>(arena.take(offsetof<T>(), 8))";
const ALLOCATOR = new Set([
  "__alloc",
  "__realloc",
  "__free",
  "__new",
  "__renew",
  "__pin",
  "__unpin",
  "__collect",
  "__newArray",
  "__newBuffer",
]);

/** An array of constants that the compiler lays into static data. */
const isStaticData = (node: ts.ArrayLiteralExpression): boolean =>
  ts.isCallExpression(node.parent) && /^memory\.data\b/.test(node.parent.expression.getText());

export const allocation = sourceRule("no-allocation", (node, { tree }) => {
  if (ts.isNewExpression(node)) return `\`new\`; ${RECORDS}`;
  if (ts.isObjectLiteralExpression(node)) return `an object on the heap; ${RECORDS}`;
  if (ts.isArrayLiteralExpression(node) && !isStaticData(node)) return "an array on the heap; write memory.data<T>([…])";
  if (ts.isTemplateExpression(node)) return "a template string is made on the heap; log with %d, %x, %s";
  if (ts.isPropertyAccessExpression(node) && node.expression.getText(tree) === "heap")
    return `heap.${node.name.text}; ${RECORDS}`;
  if (ts.isIdentifier(node) && ALLOCATOR.has(node.text)) return `${node.text}; ${RECORDS}`;
  return undefined;
});
