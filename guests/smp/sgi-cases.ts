// SGIs among CPUs (IHI 0069, 12.2.19): to one, to all others, to oneself, to nobody; none lost, none twice.

import * as gic from "../lib/gic";
import * as cpu from "../lib/hal/cpu";
import * as score from "../lib/score";
import * as crew from "./crew";
import * as interrupts from "./interrupts";
import * as jobs from "./jobs";

const SGI: u32 = 1;
/** The last one, which wakes the crew, is not counted. */
const COUNTED: u32 = 15;
const ROUNDS: u32 = 300;
/** Microseconds in which what should not come would. */
const SETTLE: u64 = 500;

function toEach(): void {
  let right = true;
  for (let n: u32 = 0; n < crew.count(); n++) {
    interrupts.clear();
    gic.send(SGI, (1 as u32) << n);
    interrupts.awaitTotal(SGI, 1);
    interrupts.pause(SETTLE);
    right = right && interrupts.count(n, SGI) == 1 && interrupts.total(SGI) == 1;
  }
  score.holds("sgi-to-each-alone", right);
}

function allToEach(): void {
  let right = true;
  for (let n: u32 = 0; n < crew.count(); n++) {
    interrupts.clear();
    for (let sgi: u32 = 0; sgi < 16; sgi++) gic.send(sgi, (1 as u32) << n);
    for (let sgi: u32 = 0; sgi < COUNTED; sgi++) interrupts.awaitTotal(sgi, 1);
    for (let sgi: u32 = 0; sgi < COUNTED; sgi++) right = right && interrupts.count(n, sgi) == 1;
  }
  score.holds("all-16-sgis-to-each", right);
}

function toMany(): void {
  interrupts.clear();
  gic.sendToOthers(SGI);
  interrupts.awaitTotal(SGI, crew.count() - 1);
  interrupts.pause(SETTLE);
  let once = interrupts.count(0, SGI) == 0;
  for (let n: u32 = 1; n < crew.count(); n++) once = once && interrupts.count(n, SGI) == 1;
  score.holds("sgi-to-all-others", once);

  interrupts.clear();
  gic.send(SGI, 0xffff);
  interrupts.awaitTotal(SGI, crew.count());
  interrupts.pause(SETTLE);
  once = true;
  for (let n: u32 = 0; n < crew.count(); n++) once = once && interrupts.count(n, SGI) == 1;
  score.holds("sgi-to-everybody-and-nobody", once && interrupts.total(SGI) == crew.count());
}

/** Each sends its own SGI to all others at the same time: no two are the same, so none may merge. */
function allToAll(): void {
  interrupts.clear();
  crew.together(jobs.SHOUT, 0);
  let right = true;
  for (let n: u32 = 0; n < crew.count(); n++) {
    interrupts.awaitTotal(n, crew.count() - 1);
    right = right && interrupts.count(n, n) == 0 && interrupts.total(n) == crew.count() - 1;
  }
  score.holds("sgi-from-everybody-to-all-others", right);
}

function pingPong(): void {
  if (crew.count() < 2) return;
  interrupts.clear();
  crew.order(1, jobs.ANSWER, ROUNDS);
  let round: u32 = 1;
  for (; round <= ROUNDS; round++) {
    gic.send(jobs.PING, 2);
    if (!jobs.awaitOwn(jobs.PONG, round)) break;
  }
  crew.finish(1);
  score.same("sgi-ping-pong", interrupts.count(0, jobs.PONG), ROUNDS);
  score.same("sgi-ping-pong-none-twice", interrupts.total(jobs.PING), ROUNDS);
}

export function cases(): void {
  cpu.mask();
  toEach();
  allToEach();
  toMany();
  allToAll();
  pingPong();
}
