// Connections to Unix sockets of programs that have just been started.

import { once } from "node:events";
import { connect, type Socket } from "node:net";
import { setTimeout as pause } from "node:timers/promises";

const PAUSE_MS = 10;

/**
 * Connects as soon as somebody listens at `path`: the socket's file is there before that, so that it is there says nothing. Throws when `ended` says that nobody will.
 */
export const connectTo = async (path: string, ended: () => boolean): Promise<Socket> => {
  for (;;) {
    const socket = connect(path);
    try {
      await once(socket, "connect");
      return socket;
    } catch (thrown) {
      socket.destroy();
      if (ended()) throw new Error(`nobody listens at ${path}`, { cause: thrown });
      await pause(PAUSE_MS);
    }
  }
};
