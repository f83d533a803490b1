// A guest that attacks whoever is beside it, for as long as it may: one attack after the other (attacks.ts), each for a turn. Its command line says its part:
// `role=leader` decides the turns, `role=follower`, another VM, joins in; `role=gauge` is no attacker (gauge.ts). For `skirmish` milliseconds the turns are short; then each attack gets one of `turn`
// milliseconds, whose begin and end (the board's counts) it prints behind `ok NAME` or `WRONG NAME`.

import * as bootargs from "../lib/bootargs";
import * as console from "../lib/console";
import * as cpu from "../lib/hal/cpu";
import * as mmu from "../lib/mmu";
import * as power from "../lib/power";
import * as score from "../lib/score";
import * as smp from "../lib/smp";
import * as timer from "../lib/timer";
import { IRQ, SYNC } from "../lib/vectors";
import * as attacks from "./attacks";
import { ATTACKS } from "./attacks";
import * as gauge from "./gauge";
import * as interrupts from "./interrupts";
import * as residue from "./residue";
import * as seen from "./seen";
import * as stage from "./stage";

const MILLISECOND: u64 = 1000;
/** Of a turn while nobody measures: milliseconds. */
const SHORT: u64 = 10;
/** Between two looks at what others do: microseconds. */
const LOOK: u64 = 200;
const MATE: u32 = 1;

/** Whether all that the further vCPU has found was right. */
const mateWrong: usize = memory.data(4, 4);

export function onException(kind: u64, esr: u64, far: u64, elr: u64): u64 {
  if (kind == IRQ) {
    seen.interrupted();
    return elr;
  }
  if (kind != SYNC) power.unexpected(kind, esr, far, elr);
  return seen.provoked(esr, elr);
}

/** The further vCPU: does its part of an attack, its context, and goes off. */
export function onCpu(context: u64, leftovers: u64): void {
  mmu.initCpu();
  interrupts.readyCpu();
  residue.ready();
  if (leftovers != 0 || !attacks.assist(context as u32)) store<u32>(mateWrong, 1);
  cpu.dsb();
}

/** Waits until the further vCPU, if there is one, is off. */
function awaitMate(): void {
  while (smp.state(MATE) == smp.ON) timer.sleep(LOOK);
}

/** Has both vCPUs do an attack; whether all was right. */
function fight(attack: u32): bool {
  store<u32>(mateWrong, 0);
  interrupts.ready();
  seen.clear();
  smp.start(MATE, attack);
  const right = attacks.perform(attack);
  interrupts.ready();
  awaitMate();
  return right && load<u32>(mateWrong) == 0;
}

/** The turn is over for the leader; `right`: as it should be. */
function tell(right: bool): void {
  // What has been added to the contended word is known when all have said how much they did.
  const until = stage.now() + timer.counts(1000 * MILLISECOND);
  while (stage.followed() != stage.turn() && stage.now() < until) timer.sleep(LOOK);
  const all = right && stage.followed() == stage.turn() && stage.contended() == stage.expected();
  const name = attacks.name(stage.attack());
  if (!all || stage.measured() != 0) score.holds(name, all);
  if (stage.measured() == 0) return;
  console.line("turn", "from %d to %d", stage.from(), stage.until());
}

/** The attack of the turn that begins next; ATTACKS: the last one is over. */
function next(): u32 {
  const turn = stage.turn();
  if (stage.measured() == 0 && stage.now() >= timer.counts(bootargs.number("skirmish", 0) * MILLISECOND))
    stage.setMeasured(turn + 1);
  const measured = stage.measured();
  return (measured == 0 ? turn % ATTACKS : min<u64>(turn + 1 - measured, ATTACKS)) as u32;
}

function lead(): void {
  for (let attack = next(); attack != ATTACKS; attack = next()) {
    stage.begin(attack, (stage.measured() == 0 ? SHORT : bootargs.number("turn", 100)) * MILLISECOND);
    tell(fight(attack));
  }
  // Nobody follows any more.
  stage.begin(ATTACKS, 0);
  console.text("hostile: done\r\n");
}

/** A leader that has started anew in the middle of a turn: there is another life in it, or it is over. */
function resume(leftovers: u64): void {
  if (leftovers != 0 || (stage.measured() != 0 && !stage.isOn())) score.same("new-life-is-clean", leftovers, 0);
  if (stage.isOn()) fight(stage.attack());
  // In a short turn there may be one life alone.
  tell(stage.restarts() > u64(stage.measured() != 0));
}

/** Joins in every turn, until there is none any more. */
function follow(): void {
  let done: u64 = stage.followed();
  for (;;) {
    while (stage.turn() == done) timer.sleep(LOOK);
    done = stage.turn();
    const attack = stage.attack();
    if (attack == ATTACKS) return;
    if (!attacks.isAlone(attack)) {
      interrupts.ready();
      seen.clear();
      if (!attacks.perform(attack)) score.holds(attacks.name(attack), false);
      interrupts.ready();
    }
    stage.setFollowed(done);
  }
}

export function main(fdt: u64): void {
  // Before anything writes there.
  const leftovers = residue.leftovers();
  console.init();
  mmu.init();
  stage.init();
  interrupts.ready();
  if (bootargs.is("role", "gauge")) {
    gauge.measure();
  } else if (bootargs.is("role", "follower")) {
    follow();
  } else {
    if (stage.turn() != 0) resume(leftovers);
    lead();
  }
  power.off();
}
