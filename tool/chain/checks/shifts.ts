// A plain literal is a number of 32 bits: `1 << 40` is 1 << 8. What is shifted says how wide it is, and fits.

import ts from "typescript";
import { sourceRule } from "./source-rule.ts";

const WIDTHS: Record<string, number> = {
  u8: 8,
  i8: 8,
  u16: 16,
  i16: 16,
  u32: 32,
  i32: 32,
  usize: 32,
  isize: 32,
  u64: 64,
  i64: 64,
};

const unwrap = (node: ts.Expression): ts.Expression => (ts.isParenthesizedExpression(node) ? unwrap(node.expression) : node);

function literal(node: ts.Expression): bigint | undefined {
  const bare = unwrap(node);
  return ts.isNumericLiteral(bare) ? BigInt(bare.getText().replaceAll("_", "")) : undefined;
}

/** The width and, if it is a literal, the value of what is shifted; a width of 31 for a bare literal, which must not reach its sign. */
function operand(node: ts.Expression): { width: number | undefined; value: bigint | undefined } {
  const bare = unwrap(node);
  if (ts.isAsExpression(bare) || ts.isTypeAssertionExpression(bare))
    return { width: WIDTHS[bare.type.getText()], value: literal(bare.expression) };
  const value = literal(bare);
  return { width: value === undefined ? undefined : 31, value };
}

export const shifts = sourceRule("shifts", (node, { tree }) => {
  if (!ts.isBinaryExpression(node) || node.operatorToken.kind !== ts.SyntaxKind.LessThanLessThanToken) return undefined;
  const { width, value } = operand(node.left);
  const by = literal(node.right);
  const text = node.getText(tree);
  if (width === 31 && by === undefined) return `\`${text}\` has no stated width; write (… as u32) << n or (… as u64) << n`;
  if (width === undefined || by === undefined || value === 0n) return undefined;
  const overflows = value === undefined ? by >= BigInt(width) : value << by >= 1n << BigInt(width);
  return overflows ? `\`${text}\` does not fit into ${width === 31 ? 32 : width} bits; write (… as u64) << n` : undefined;
});
