// What a user does wrong on the command line: one clear message, an exit code, no stack trace.

import assert from "node:assert/strict";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { scratch } from "../scratch.ts";
import { hyperLite, scratchSystem } from "./command-line.ts";

const folder = scratch();
const fileWith = (name: string, content: string): string => {
  writeFileSync(join(folder, name), content);
  return join(folder, name);
};
mkdirSync(join(folder, "empty"));
mkdirSync(join(folder, "two"));
fileWith("two/hyper-lite.config.ts", "");
fileWith("two/hyper-lite.config.json", "");

const mistakes: readonly [title: string, args: string[], status: number, message: RegExp][] = [
  ["no command", [], 2, /Usage: hyper-lite/],
  ["an unknown command", ["fly"], 2, /unknown command 'fly'/],
  ["run without a system", ["run"], 2, /missing required argument 'system'/],
  ["build without an output", ["build", folder], 2, /required option '-o, --output <file>' not specified/],
  ["an unknown option", ["run", folder, "--fast"], 2, /unknown option '--fast'/],
  ["memory that is no size", ["run", folder, "--memory", "much"], 2, /argument 'much' is invalid. It must be whole MiB/],
  ["memory of half a MiB", ["run", folder, "--memory", "512K"], 2, /It must be whole MiB/],
  ["memory below what a board needs", ["run", folder, "--memory", "255M"], 2, /It must be whole MiB, from 256 MiB to 65536 MiB/],
  ["memory above what is mapped", ["run", folder, "--memory", "100G"], 2, /It must be whole MiB, from 256 MiB to 65536 MiB/],
  ["a board of no CPUs", ["run", folder, "--cpus", "0"], 2, /argument '0' is invalid. It must be a whole number from 1 to 8/],
  ["a board of nine CPUs", ["run", folder, "--cpus", "9"], 2, /It must be a whole number from 1 to 8/],
  ["a console mode that does not exist", ["run", folder, "--console", "raw"], 2, /Allowed choices are terminal, lines/],
  ["a timeout of nothing", ["run", folder, "--timeout", "0"], 2, /It must be a number of seconds above 0/],
  ["a system that is not there", ["run", join(folder, "none")], 3, /none: no such file or folder\n$/],
  [
    "a folder without a configuration",
    ["run", join(folder, "empty")],
    3,
    /empty: the folder has no hyper-lite\.config\.ts or hyper-lite\.config\.json\n$/,
  ],
  [
    "a configuration that is no TypeScript",
    ["run", fileWith("a.config.ts", "const a = 1;\nconst const")],
    3,
    /a\.config\.ts:2:7: cannot be loaded: Expected ident\n$/,
  ],
  [
    "a configuration that declares a name twice",
    ["run", fileWith("f.config.ts", "let a = 1;\n  let a = 2;\nexport default {};")],
    3,
    /f\.config\.ts:2:7: cannot be loaded: Identifier 'a' has already been declared\n$/,
  ],
  [
    "a configuration that imports what is no TypeScript",
    ["run", fileWith("g.config.ts", 'import "./a.config.ts";')],
    3,
    /\/g\.config\.ts: cannot be loaded: \/.*\/a\.config\.ts:2:7: Expected ident\n$/,
  ],
  [
    "a configuration that imports what another does not have",
    ["run", fileWith("h h.config.ts", '\nimport { x } from "./b.config.ts";')],
    3,
    /\/h h\.config\.ts:2:10: cannot be loaded: The requested module .* does not provide an export named 'x'\n$/,
  ],
  [
    "a configuration that throws",
    ["run", fileWith("b.config.ts", "const f = () => {\n  throw new Error('oops');\n};\nf();")],
    3,
    /b\.config\.ts:2:9: cannot be loaded: oops\n$/,
  ],
  [
    "a configuration without default export",
    ["run", fileWith("c.config.ts", "export {}")],
    3,
    /c\.config\.ts: must have a default export/,
  ],
  [
    "a wrong value",
    ["run", scratchSystem('{ name: "x", memory: "1M", kernel: "kernel" }')],
    3,
    /config\.ts: vms\[0\]\.memory: must be at least 16 MiB\n$/,
  ],
  [
    "two wrong values",
    ["run", scratchSystem('{ name: "", memory: "1M", kernel: "kernel" }')],
    3,
    /^hyper-lite: .*vms\[0\]\.name: .*\nhyper-lite: .*vms\[0\]\.memory: .*\n$/,
  ],
  [
    "too little memory for the system",
    ["run", scratchSystem('{ name: "x", memory: "256M", kernel: "kernel" }'), "--memory", "256M"],
    3,
    /config\.ts: --memory: the board has 256 MiB, and the system takes 3\d\d MiB/,
  ],
  [
    "fewer CPUs than a VM is bound to",
    ["run", scratchSystem('{ name: "x", memory: "64M", kernel: "kernel", affinity: [1] }'), "--cpus", "1"],
    3,
    /vms\[0\]\.affinity\[0\]: there is no CPU 1/,
  ],
  [
    "a configuration that throws when anything is asked of it",
    ["run", fileWith("e.config.ts", "export default new Proxy({}, { get() { throw null; } })")],
    3,
    /e\.config\.ts: cannot be loaded: null\n$/,
  ],
  [
    "control characters in a key, in a name and in a path",
    [
      "run",
      fileWith(
        "i\u001b.json",
        '{ "a\\u001b\\n": 1, "doorbells": [["x", "y\\u009b"]], "vms": [{ "name": "x", "memory": "16M", "kernel": "k\\n\\u0007" }] }',
      ),
    ],
    3,
    /^(hyper-lite: \/.*i\\x1b\.json: (\["a\\u001b\\n"\]: unknown .*|doorbells\[0\]\[1\]: .*"y\\x9b"|vms\[0\].*k\\n\\x07: no such file)\n){3}$/,
  ],
  ["a JSON file that is none", ["run", fileWith("d.json", '{ "vms": ')], 3, /d\.json: cannot be loaded: /],
  ["two configurations in a folder", ["run", join(folder, "two")], 3, /two: the folder has hyper-lite\.config\.ts and .*\.json/],
  ["log levels for no module", ["run", folder, "--log-levels", "disk=debug"], 2, /--log-levels: disk: unknown module/],
  ["log levels that do not exist", ["run", folder, "--log-levels", "vgic=loud"], 2, /--log-levels: vgic: must be a level/],
  ...["", "=", "vgic", "vgic=", "=debug", "vgic=debug=1", "vgic=debug,"].map((levels): [string, string[], number, RegExp] => [
    `log levels "${levels}"`,
    ["build", folder, "-o", "out", "--log-levels", levels],
    2,
    /^hyper-lite: --log-levels: must be levels by module, such as vgic=debug,sched=info: not ".*"\n$/,
  ]),
  [
    "stdout as an output",
    ["build", folder, "-o", "-"],
    2,
    /argument '-' is invalid. It must be the path of a file: a bundle does not/,
  ],
  [
    "an output in a folder that is not there",
    ["build", scratchSystem(), "-o", "/proc/none/x"],
    1,
    /^hyper-lite: \/proc\/none\/x: cannot be written: no such file or directory\n$/,
  ],
  [
    "an output that is a folder",
    ["build", scratchSystem(), "-o", folder],
    1,
    /: cannot be written: illegal operation on a directory\n$/,
  ],
  ["a record from EL3", ["run", folder, "--record", "x", "--el3"], 2, /'--record <file>' cannot be used with option '--el3'/],
  ["a record to stdout", ["run", folder, "--record", "-"], 2, /It must be the path of a file: a record does not go to stdout/],
  [
    "a record into a folder that is not there",
    ["run", scratchSystem(), "--record", "/nowhere/run.record"],
    1,
    /: \/nowhere\/run\.record: cannot be written: no such file or directory\n$/,
  ],
  ["replay without a file", ["replay"], 2, /missing required argument 'file'/],
  ["replay of nothing", ["replay", join(folder, "none")], 1, /none: cannot be read: no such file or directory\n$/],
  [
    "replay of what is no record",
    ["replay", fileWith("r", "r")],
    1,
    /: not a recorded run: `hyper-lite run SYSTEM --record FILE`/,
  ],
  [
    "an exit that is no number",
    ["replay", "x", "--exit", "last"],
    2,
    /argument 'last' is invalid. It must be the number of an exit/,
  ],
  ["an exit before the first", ["replay", "x", "--from", "0"], 2, /It must be the number of an exit, from 1 up/],
  ["a CPU that no board has", ["replay", "x", "--cpu", "8"], 2, /It must be the number of a CPU, from 0 to 7/],
  [
    "one exit and a range",
    ["replay", "x", "--exit", "1", "--to", "2"],
    2,
    /'--exit <exit>' cannot be used with option '--to <exit>'/,
  ],
  ["a list, step by step", ["replay", "x", "--step", "--exit", "1"], 2, /'--step' cannot be used with option '--exit <exit>'/],
];

for (const [title, args, status, message] of mistakes) {
  test(title, async () => {
    const ended = await hyperLite(args).ended;
    assert.equal(ended.status, status, ended.stderr);
    assert.match(ended.stderr, message);
    assert.equal(ended.stdout, "");
    assert.doesNotMatch(ended.stderr, /\n\s+at /);
  });
}
