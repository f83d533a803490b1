// The HAL's atomic accesses, for parts of the core that are tested by themselves: one CPU at a time.

/** `view`: the part's memory. */
export const atomics = (view: () => DataView): Record<string, (at: number, value: number) => number | undefined> => ({
  load32: (at) => view().getUint32(at, true),
  store32: (at, value) => {
    view().setUint32(at, value, true);
    return undefined;
  },
  add32: (at, value) => {
    const old = view().getUint32(at, true);
    view().setUint32(at, old + value, true);
    return old;
  },
});
