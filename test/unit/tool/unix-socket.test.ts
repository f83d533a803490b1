// Connecting to a program that is about to listen.

import assert from "node:assert/strict";
import { once } from "node:events";
import { rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { connectTo } from "../../../tool/unix-socket.ts";
import { scratch } from "../scratch.ts";

test("a file at which nobody listens yet is waited for", async () => {
  const path = join(scratch(), "socket");
  // It refuses, as a socket does between bind and listen.
  writeFileSync(path, "");
  let looks = 0;
  const server = createServer((socket) => socket.end("hello"));
  const socket = await connectTo(path, () => {
    if (++looks === 2) {
      rmSync(path);
      server.listen(path);
    }
    return false;
  });
  const [text] = (await once(socket, "data")) as [Buffer];
  assert.equal(text.toString(), "hello");
  server.close();
  assert.ok(looks >= 2);
});

test("nobody will ever listen", async () => {
  await assert.rejects(
    connectTo(join(scratch(), "socket"), () => true),
    /^Error: nobody listens at .*socket$/,
  );
});
