// System registers by name; the list is abi/sysregs.ts.
export * from "../../build/gen/sysreg";
