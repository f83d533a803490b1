// examples/router: what is behind the router reaches the host's loopback through it, and is seen as the router.

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { test } from "node:test";
import router from "../../examples/router/hyper-lite.config.ts";
import type { VmConfig } from "../../tool/config.ts";
import { ending } from "./ending.ts";
import { boot } from "./expect.ts";
import { digest, hostServers } from "./host-servers.ts";

const MIB = 2 ** 20;

test("router: two VMs behind it ping the host, and fetch from it and send to it by TCP", async () => {
  const bytes = randomBytes(4 * MIB);
  await using host = await hostServers(bytes);
  const client = (port: number): string =>
    [
      "until ping -c 1 -W 1 192.168.7.1 >/dev/null; do :; done; ping -c 2 10.0.2.2",
      `until wget -q -O /tmp/file 10.0.2.2:${host.httpPort}; do sleep 1; done; sha256sum </tmp/file`,
      `head -c ${MIB} /tmp/file | nc 10.0.2.2 ${host.sinkPort}`,
      // The router sees its neighbours as they are.
      `until echo done | nc 192.168.7.1 ${port}; do sleep 1; done`,
    ].join("; ");
  const commands: Readonly<Record<string, string>> = {
    router: "nc -l -p 11 & nc -l -p 12 & wait; nft list ruleset",
    alice: client(11),
    bob: client(12),
  };
  const system = {
    ...router,
    vms: router.vms.map((vm): VmConfig => ending(vm, commands[vm.name]!)),
  };
  await using vm = await boot({ system });
  const end = await vm.end();
  assert.equal(end.halted?.off, true);
  for (const name of ["alice", "bob"]) {
    assert.match(end.of(name), /2 packets received, 0% packet loss/);
    assert.ok(end.of(name).includes(digest(bytes)), end.of(name));
  }
  assert.deepEqual(host.taken().map(digest), Array(2).fill(digest(bytes.subarray(0, MIB))));
  // The world's side answers no other address than the router's: that answers came says that all was masqueraded.
  assert.equal(end.of("router").match(/^done$/gm)?.length, 2);
  assert.match(end.of("router"), /counter packets [1-9]\d* bytes \d+ masquerade/);
});
