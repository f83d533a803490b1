// The core's sources as TypeScript's own compiler reads them.

import { join, relative } from "node:path";
import ts from "typescript";
import { ROOT } from "../paths.ts";
import { BuildError } from "./run.ts";

export interface Source {
  /** Relative to the repository's root. */
  readonly path: string;
  readonly tree: ts.SourceFile;
}

/** Reads a project as its tsconfig.json says. */
export function program(config: string): ts.Program {
  const { config: json, error } = ts.readConfigFile(config, ts.sys.readFile);
  if (error) throw new BuildError(String(error.messageText));
  const { fileNames, options } = ts.parseJsonConfigFileContent(json, ts.sys, join(config, ".."));
  return ts.createProgram(fileNames, options, ts.createCompilerHost(options, true));
}

/** The sources of a program that lie in some folders. */
export const sourcesIn = (from: ts.Program, folders: RegExp): Source[] =>
  from
    .getSourceFiles()
    .filter(({ isDeclarationFile }) => !isDeclarationFile)
    .map((tree) => ({ path: relative(ROOT, tree.fileName), tree }))
    .filter(({ path }) => folders.test(path));

/** A source from its text. */
export const parse = (path: string, text: string): Source => ({
  path,
  tree: ts.createSourceFile(path, text, ts.ScriptTarget.ESNext, true),
});

export const lineOf = (tree: ts.SourceFile, at: number): number => tree.getLineAndCharacterOfPosition(at).line + 1;

/** Calls `visit` for every node below `node`, and for it. */
export function walk(node: ts.Node, visit: (node: ts.Node) => void): void {
  visit(node);
  ts.forEachChild(node, (child) => walk(child, visit));
}

/** The files that a source imports from or re-exports, relative to the ROOT and with their ending. */
export const importsOf = ({ path, tree }: Source): { path: string; node: ts.Node }[] =>
  tree.statements.flatMap((node) => {
    if (!ts.isImportDeclaration(node) && !ts.isExportDeclaration(node)) return [];
    const specifier = node.moduleSpecifier;
    if (specifier === undefined || !ts.isStringLiteral(specifier)) return [];
    return [{ path: `${join(path, "..", specifier.text).replace(/\.ts$/, "")}.ts`, node }];
  });

/** The value of a constant at top level. */
function constantOf(tree: ts.SourceFile, name: string): number | undefined {
  for (const statement of tree.statements) {
    if (!ts.isVariableStatement(statement)) continue;
    const found = statement.declarationList.declarations.find((one) => one.name.getText(tree) === name);
    if (found?.initializer) return Number(found.initializer.getText(tree));
  }
  return undefined;
}

/**
 * The functions that say how deep they call themselves (`// recursion: at most N deep`; N is a number or a constant of the file), by their
 * names in the module.
 */
export function recursionBounds(sources: readonly Source[]): Map<string, number> {
  const bounds = new Map<string, number>();
  for (const { path, tree } of sources) {
    for (const node of tree.statements) {
      if (!ts.isFunctionDeclaration(node) || node.name === undefined) continue;
      const comment = tree.text.slice(node.getFullStart(), node.getStart(tree));
      const [, by] = /^\/\/ recursion: at most (\w+) deep\b/m.exec(comment) ?? [];
      if (by === undefined) continue;
      const depth = /^\d/.test(by) ? Number(by) : constantOf(tree, by);
      if (depth !== undefined) bounds.set(`${path.replace(/\.ts$/, "")}/${node.name.text}`, depth);
    }
  }
  return bounds;
}
