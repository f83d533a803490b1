// The page about security says of every row of the catalogue how it is covered, and says so truly.

import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { ROOT } from "../../../tool/paths.ts";
import { catalogue } from "./catalogue.ts";
import { cases, page, pathsNamed } from "./page.ts";

test("docs/security.md is what the cases say (npm run docs)", () => {
  const { is, shouldBe } = page();
  assert.ok(is === shouldBe, "run `npm run docs`");
});

test("the catalogue has its 56 rows; each has a case", () => {
  assert.equal(catalogue.length, 56);
  const without = catalogue.flatMap((_, n) => (cases.some(({ row }) => row === n + 1) ? [] : [n + 1]));
  assert.deepEqual(without, []);
  assert.deepEqual(
    cases.filter(({ row }) => catalogue[row - 1] === undefined),
    [],
    "cases of rows that do not exist",
  );
});

test("every path that the page names is there", () => {
  const paths = pathsNamed(page().is);
  assert.ok(paths.length > 40, `${paths}`);
  assert.deepEqual(
    paths.filter((path) => !existsSync(join(ROOT, path))),
    [],
  );
});
