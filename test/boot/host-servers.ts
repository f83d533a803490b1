// Servers on the host's loopback, which a VM finds at 10.0.2.2 behind QEMU's user network.

import { createHash } from "node:crypto";
import { createServer as createHttpServer } from "node:http";
import { type AddressInfo, createServer } from "node:net";

export const digest = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

export interface HostServers extends AsyncDisposable {
  /** Where any HTTP request is answered with the bytes. */
  readonly httpPort: number;
  /** Where all is taken that is sent. */
  readonly sinkPort: number;
  /** What has been sent, connection by connection. */
  taken(): Buffer[];
}

/** Starts them; use it with `await using`. */
export const hostServers = async (bytes: Buffer): Promise<HostServers> => {
  const connections: Buffer[][] = [];
  const http = createHttpServer((_, response) => void response.end(bytes));
  const sink = createServer({ allowHalfOpen: false }, (socket) => {
    const parts: Buffer[] = [];
    connections.push(parts);
    socket.on("data", (part) => parts.push(part));
  });
  const all = [http, sink];
  await Promise.all(all.map((server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve))));
  const [httpPort, sinkPort] = all.map((server) => (server.address() as AddressInfo).port) as [number, number];
  return {
    httpPort,
    sinkPort,
    taken: () => connections.map((parts) => Buffer.concat(parts)),
    async [Symbol.asyncDispose]() {
      http.closeAllConnections();
      for (const server of all) server.close();
    },
  };
};
