// The table of attacks in docs/security.md, made from the cases: `npm run docs`. What is found is what is written: the calls of `attack` in the files of
// this folder, the tests that the catalogue names beside them, and the guests that show a row under QEMU.

import { existsSync, globSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import ts from "typescript";
import { ROOT } from "../../../tool/paths.ts";
import { catalogue, type Row } from "./catalogue.ts";

const PAGE = "docs/security.md";
const FOLDER = "test/sim/attacks";
/** Which rows guests show under QEMU; each guest is a folder of guests/. */
const HOSTILE_ROWS = "test/boot/hostile-rows.ts";
const [BEGIN, END] = ["<!-- attacks: made by npm run docs -->\n", "<!-- end of attacks -->"];

/** A case of the simulator. */
export interface Case {
  readonly row: number;
  readonly name: string;
  /** From the repo's root. */
  readonly path: string;
}

const isCase = (node: ts.Node): node is ts.CallExpression =>
  ts.isCallExpression(node) && ts.isIdentifier(node.expression) && /^attack(Alone)?$/.test(node.expression.text);

/** The cases of a file: rows and names are written out, so that a reader finds them. */
const casesOf = (path: string): Case[] => {
  const found: Case[] = [];
  const visit = (node: ts.Node): void => {
    if (isCase(node)) {
      const [row, name] = node.arguments;
      if (row === undefined || name === undefined || !ts.isNumericLiteral(row) || !ts.isStringLiteral(name))
        throw new Error(`${path}: a case whose row and name are not written out: ${node.getText().slice(0, 60)}`);
      found.push({ row: Number(row.text), name: name.text, path });
    }
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, readFileSync(join(ROOT, path), "utf8"), ts.ScriptTarget.Latest, true));
  return found;
};

export const cases: readonly Case[] = globSync(`${FOLDER}/*.test.ts`, { cwd: ROOT }).sort().flatMap(casesOf);

type GuestRows = Readonly<Record<number, Readonly<Record<string, readonly string[]>>>>;
const guestRows: GuestRows = existsSync(join(ROOT, HOSTILE_ROWS))
  ? ((await import(join(ROOT, HOSTILE_ROWS))) as { hostileRows: GuestRows }).hostileRows
  : {};

const unique = <T>(items: readonly T[]): T[] => [...new Set(items)];
const code = (text: string): string => `\`${text}\``;

/** What the third column says of a row. */
const where = (number: number, { also = [], missing }: Row): string => {
  const own = cases.filter(({ row }) => row === number);
  const guests = Object.entries(guestRows[number] ?? {});
  return [
    ...unique(own.map(({ path }) => path)).map((path) => {
      const names = unique(own.filter((one) => one.path === path).map(({ name }) => name));
      return `${code(path)}: ${names.map((name) => `*${name}*`).join("; ")}`;
    }),
    ...(also.length === 0 ? [] : [`also ${also.map(code).join(", ")}`]),
    ...(guests.length === 0
      ? []
      : [`under QEMU ${guests.map(([guest, names]) => `${code(`guests/${guest}`)} (${names.join(", ")})`).join(", ")}`]),
    ...(missing === undefined ? [] : [missing]),
  ].join("<br>");
};

const table = (): string =>
  [
    "| number | what | where it is tested |",
    "| --- | --- | --- |",
    ...catalogue.map((row, n) => `| ${n + 1} | ${row.what} | ${where(n + 1, row)} |`),
    "",
  ].join("\n");

/** Paths of the repository that the page names anywhere. */
export const pathsNamed = (text: string): string[] =>
  unique([...text.matchAll(/`((?:abi|docs|guests|metal|sim|src|test|tool)\/[\w./-]*)`/g)].map(([, path = ""]) => path));

/** The page as it is, and as it should be. */
export const page = (): { readonly is: string; readonly shouldBe: string } => {
  const is = readFileSync(join(ROOT, PAGE), "utf8");
  const [begin, end] = [is.indexOf(BEGIN), is.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`${PAGE} has no place for the table of attacks`);
  return { is, shouldBe: is.slice(0, begin + BEGIN.length) + table() + is.slice(end) };
};

if (import.meta.main) writeFileSync(join(ROOT, PAGE), page().shouldBe);
