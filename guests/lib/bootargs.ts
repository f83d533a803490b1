// What a guest's command line says: `key=value` words of /chosen's bootargs, found in the device tree (Devicetree Specification v0.4, 5.4).

import * as access from "./hal/access";
import * as image from "./hal/image";

const FDT_MAGIC: u32 = 0xd00dfeed;
/** Fields of the header: offsets of the structure and of the strings. */
const OFF_STRUCT: u64 = 8;
const OFF_STRINGS: u64 = 12;

const BEGIN_NODE: u32 = 1;
const PROP: u32 = 3;
const END: u32 = 9;

const SPACE: u32 = 0x20;
const EQUALS: u32 = 0x3d;

function cell(at: u64): u32 {
  return bswap<u32>(access.read32(at));
}

function ends(byte: u32): bool {
  return byte == 0 || byte == SPACE;
}

/** Whether the text at an address starts with `s`. */
function startsWith(at: u64, s: string): bool {
  for (let i = 0; i < s.length; i++) {
    if (access.read8(at + i) != s.charCodeAt(i)) return false;
  }
  return true;
}

/** Where the command line lies: no node but /chosen has such a property. 0 without one. */
function line(): u64 {
  const tree = image.argument();
  if (tree == 0 || cell(tree) != FDT_MAGIC) return 0;
  const strings = tree + cell(tree + OFF_STRINGS);
  let at = tree + cell(tree + OFF_STRUCT);
  for (let token = cell(at); token != END; token = cell(at)) {
    at += 4;
    if (token == BEGIN_NODE) {
      while (access.read8(at) != 0) at++;
      at = (at + 4) & ~(3 as u64);
    } else if (token == PROP) {
      if (startsWith(strings + cell(at + 4), "bootargs\0")) return at + 8;
      at += 8 + ((cell(at) + 3) & ~3);
    }
  }
  return 0;
}

/** Where the value of a key lies; 0 without it. */
function valueOf(key: string): u64 {
  let at = line();
  while (at != 0 && access.read8(at) != 0) {
    if (startsWith(at, key) && access.read8(at + key.length) == EQUALS) return at + key.length + 1;
    while (!ends(access.read8(at))) at++;
    while (access.read8(at) == SPACE) at++;
  }
  return 0;
}

/** The decimal number that is given for a key; `otherwise` without it. */
export function number(key: string, otherwise: u64): u64 {
  let at = valueOf(key);
  if (at == 0) return otherwise;
  let value: u64 = 0;
  for (; !ends(access.read8(at)); at++) value = value * 10 + access.read8(at) - 0x30;
  return value;
}

/** Whether a key is given this value. */
export function is(key: string, value: string): bool {
  const at = valueOf(key);
  return at != 0 && startsWith(at, value) && ends(access.read8(at + value.length));
}
