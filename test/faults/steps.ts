import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Step } from './case-schema.ts';
import { damageImage } from './damaged-image.ts';
import { GOOD, type Member } from './member.ts';
import { startAgain } from './start-again.ts';
import type { Stage } from './stage.ts';
import { until } from './until.ts';

const RUNNING_MS = 60_000;
/** From the intent in the journal to a command that runs, amply. */
const SETTLE_MS = 500;

type Play<Verb extends Step['do']> = (
  stage: Stage,
  step: Extract<Step, { do: Verb }>,
) => Promise<void> | void;

/** What each step does. */
const plays: { readonly [Verb in Step['do']]: Play<Verb> } = {
  async open({ everybody }) {
    await Promise.all(everybody.map((member) => member.call(`${member.rollout}.open`, GOOD)));
  },

  async send(stage, { until: when }) {
    for (const member of stage.members) stage.send(member, member.call(mainCall(member), member.main));
    if (when === 'running') await running(stage);
  },

  async answers({ sent, members, victims }, { of }) {
    const awaited = of === 'all' ? members : victims;
    await Promise.all(awaited.flatMap((member) => sent.get(member) ?? []));
  },

  async wait(_stage, { for: ms }) {
    await sleep(ms);
  },

  proxy(stage, { rules }) {
    const aimed = rules.every(({ victims }) => victims);
    stage.begins('proxy', aimed ? rolloutsOf(stage.victims) : 'all');
    stage.world.rules.add(rules, rules.some(({ victims }) => victims) ? stage.victimContainers : []);
  },

  lift(stage) {
    stage.idleRules.push(...stage.world.rules.lift().map((rule) => JSON.stringify(rule)));
    stage.ends('proxy');
  },

  async signal(stage, { to, signal }) {
    const { world } = stage;
    stage.begins(to, to === 'sandbox' ? rolloutsOf(stage.victims) : 'all');
    world.truth.note('signal', { to, signal });
    if (to === 'controller') await world.controller.signal(signal);
    else if (to === 'sandbox')
      for (const id of stage.victimContainers) process.kill(await world.engine.pidOfContainer(id), signal);
    else await world.engine.signal(to, signal);
    if (signal === 'SIGCONT') stage.ends(to);
  },

  async start(stage, { what }) {
    const recoveryMs = await startAgain(stage.world, what, stage.pilot);
    if (recoveryMs !== null) stage.recoveriesMs.push(recoveryMs);
    stage.ends(what);
  },

  async docker_kill(stage) {
    stage.begins('docker kill', rolloutsOf(stage.victims));
    await stage.world.engine.docker('kill', ...stage.victimContainers);
  },

  async disk(stage, { becomes }) {
    const { disk } = stage.world.engine;
    if (becomes === 'full' || becomes === 'frozen') stage.begins('disk', 'all');
    if (becomes === 'full') await disk.fill();
    if (becomes === 'frozen') await disk.freeze();
    if (becomes === 'free') disk.free();
    if (becomes === 'thawed') await disk.thaw();
    if (becomes === 'free' || becomes === 'thawed') stage.ends('disk');
  },

  parent_memory(stage, { spare }) {
    // Version 1 of the cgroups; a host with version 2 has `memory.max` here.
    const folder = join('/sys/fs/cgroup/memory', stage.world.engine.cgroup);
    const used = Number(readFileSync(join(folder, 'memory.usage_in_bytes'), 'utf8'));
    if (spare !== null) stage.begins('parent memory', 'all');
    writeFileSync(join(folder, 'memory.limit_in_bytes'), spare === null ? '-1' : String(used + spare));
    if (spare === null) stage.ends('parent memory');
  },

  parent_processes(stage, { spare }) {
    const folder = join('/sys/fs/cgroup/pids', stage.world.engine.cgroup);
    const now = Number(readFileSync(join(folder, 'pids.current'), 'utf8'));
    if (spare !== null) stage.begins('parent processes', 'all');
    writeFileSync(join(folder, 'pids.max'), spare === null ? 'max' : String(now + spare));
    if (spare === null) stage.ends('parent processes');
  },

  async damaged_image({ world: { engine, truth } }) {
    truth.note('image damaged', {});
    await damageImage(engine);
  },

  async descriptors(stage, { spare }) {
    if (spare !== null) stage.begins('descriptors', 'all');
    await stage.world.controller.limitDescriptors(spare);
    if (spare === null) stage.ends('descriptors');
  },

  vanish({ world: { platform, truth } }) {
    truth.note('clients vanish', {});
    platform.vanish();
  },

  repeat(stage, { arguments: act }) {
    for (const member of stage.victims) {
      const sent = member.calls.find(({ id }) => id === mainCall(member));
      const first = stage.sent.get(member);
      if (sent === undefined || first === undefined)
        throw new Error('nothing was sent that could be repeated');
      const answer = member.repeat(sent, act === 'other' ? { timeout_ms: 1_234 } : {});
      stage.acts.push({ rollout: member.rollout, act, first, answer });
    }
  },

  async delete({ victims }) {
    await Promise.all(victims.map((member) => member.delete()));
  },
};

export async function playStep(stage: Stage, step: Step): Promise<void> {
  // The table's type ties each verb to its step; the compiler can't follow that through the union.
  const play = plays[step.do] as (stage: Stage, step: Step) => Promise<void> | void;
  await play(stage, step);
}

export function mainCall(member: Member): string {
  return `${member.rollout}.main`;
}

function rolloutsOf(members: readonly Member[]): ReadonlySet<string> {
  return new Set(members.map(({ rollout }) => rollout));
}

/** The journal has the intent of every main call that will ever have one. */
async function running({ world, members }: Stage): Promise<void> {
  const wanted = new Set(members.map(mainCall));
  await until('all main calls run', RUNNING_MS, () => {
    const intended = world.controller.events('call_intended').map(({ call }) => call);
    return [...wanted].every((call) => intended.includes(call));
  });
  await sleep(SETTLE_MS);
}
