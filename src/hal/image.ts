// The hypervisor's own image in physical memory.

import { Pa } from "./addr";

export declare function start(): Pa;
/** The end of what the image takes, with its zeroed data and the core's memory. */
export declare function end(): Pa;
