// What a `hyper-lite.config.ts` imports. The settings are in tool/config/schema.ts and docs/systems.md; their values are checked when
// the system is built.

import type { SystemConfig } from "./config/schema.ts";

export type { FileSource, SystemConfig, VmConfig } from "./config/schema.ts";

/** Gives a configuration its type. */
export const defineSystem = (config: SystemConfig): SystemConfig => config;
