// System registers by name; the list is abi/sysregs.ts, with what may be written where that is checked.
export * from "../../build/gen/sysreg";
