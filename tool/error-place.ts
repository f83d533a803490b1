// Where in a module an error arose: what Node.js says of it in an error's stack.

import { fileURLToPath, pathToFileURL } from "node:url";
import { types } from "node:util";

/** What Node.js puts before the stack of a module that is no TypeScript: the file and the line, the line itself, and what marks the column in it. */
const syntaxPlace = (stack: string): string | undefined => {
  const header = /^(file:\/\/\S+|\/.*):(\d+)\n/.exec(stack);
  if (header === null) return undefined;
  const [, module, line] = header as unknown as [string, string, string];
  const marked = /^(\s*)\^+$/m.exec(stack.slice(header[0].length));
  const column = marked === null ? "" : `:${marked[1]!.length + 1}`;
  return `${module.startsWith("/") ? module : fileURLToPath(module)}:${line}${column}`;
};

/** `FILE:LINE:COLUMN`: of a syntax error wherever it is, of what was thrown the first place in `file`; undefined if that is not known. */
export const errorPlace = (thrown: unknown, file: string): string | undefined => {
  if (!types.isNativeError(thrown)) return undefined;
  const stack = String(thrown.stack);
  const syntax = thrown instanceof SyntaxError ? syntaxPlace(stack) : undefined;
  if (syntax !== undefined) return syntax;
  const url = `${pathToFileURL(file).href}:`;
  const entry = stack.split("\n").find((line) => /^\s+at /.test(line) && line.includes(url));
  const position = entry === undefined ? null : /^\d+:\d+/.exec(entry.slice(entry.indexOf(url) + url.length));
  return position === null ? undefined : `${file}:${position[0]}`;
};
