// A case of the catalogue (catalogue.ts): a test named after its row. docs/security.md lists the cases by these very calls (page.ts), so row and name
// are written out.

import { test } from "node:test";
import { type Place, places, Scene, type SceneOptions } from "./scene.ts";

export interface AttackOptions extends SceneOptions {
  readonly places?: readonly Place[];
}

/** An attack beside a healthy VM, which must not notice, wherever the two are. */
export const attack = (
  row: number,
  name: string,
  run: (scene: Scene) => void | Promise<void>,
  options: AttackOptions = {},
): void => {
  for (const place of options.places ?? places) {
    test(`row ${row}: ${name} (${place})`, async () => {
      const scene = new Scene(place, options);
      await run(scene);
      scene.end();
    });
  }
};

/** An attack on what there is before any VM, or beside VMs: the boot, the board, the tool. */
export const attackAlone = (row: number, name: string, run: () => void | Promise<void>): void => {
  test(`row ${row}: ${name}`, run);
};
