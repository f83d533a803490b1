// How large each CPU's stack is in a guest, for start.S and link.ld: two to this power, in bytes.
#define GUEST_STACK_SHIFT 14
