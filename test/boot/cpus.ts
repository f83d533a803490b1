// The CPU models and exception levels that a boot test repeats itself on.

export const cpus = ["cortex-a57", "cortex-a72", "neoverse-n1", "max,pauth-impdef=on"];

export const variants = cpus.flatMap((cpu) => [false, true].map((el3) => ({ cpu, el3, title: `${cpu}, from EL${el3 ? 3 : 2}` })));
