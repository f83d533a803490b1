// What moves between a vCPU's record (VcpuFrame) and the CPU.

/** The registers listed as el1Context in abi/sysregs.ts. */
export declare function loadEl1(frame: usize): void;
export declare function saveEl1(frame: usize): void;
/** The vector registers, FPCR and FPSR; access to them at EL2 must be open. */
export declare function loadFp(frame: usize): void;
export declare function saveFp(frame: usize): void;
