import type { Step } from '../state/plan.ts';
import type { Desired, State } from '../state/state.ts';
import type { Wanted } from './expand.ts';
import type { Fates } from './fates.ts';
import { preStartSteps, type PreStartSteps, type Starting } from './pre-start.ts';
import type { Readiness } from './readiness.ts';
import { comesAs } from './rolling-steps.ts';
import type { RollingUpdate } from './rollouts.ts';

const NO_HOOKS: PreStartSteps = { steps: [], gates: new Map() };

/** What a plan is made of, as far as hooks go. */
export interface HookScene {
  readonly byService: ReadonlyMap<string, readonly Wanted[]>;
  readonly fates: Fates;
  readonly updates: readonly RollingUpdate[];
  readonly readiness: Readiness;
  readonly desired: Desired;
  readonly actual: State;
}

/** The hooks before the starts of a plan, by service; made when they are asked for, as what they wait for may be updated in the same plan. */
export class StartHooks {
  readonly #scene: HookScene;
  readonly #made = new Map<string, PreStartSteps>();

  constructor(scene: HookScene) {
    this.#scene = scene;
  }

  /** What the start of a container of the service waits for. */
  gate(service: string, container: string): readonly string[] {
    return this.#of(service).gates.get(container) ?? [];
  }

  /** All that were asked for. */
  get steps(): readonly Step[] {
    return [...this.#made.values()].flatMap(({ steps }) => steps);
  }

  #of(service: string): PreStartSteps {
    const { byService, fates, readiness, desired, actual } = this.#scene;
    const known = this.#made.get(service);
    if (known !== undefined) return known;
    const members = byService.get(service) ?? [];
    if (service === '' || members.every(({ spec }) => spec.preStart.length === 0)) return NO_HOOKS;
    const starting = this.#starting(service, members);
    const [first] = starting;
    const made = first === undefined ? NO_HOOKS : preStartSteps(starting, starting.length === members.length, readiness.of(first.one).needs, desired.stack, actual, fates.leaving);
    this.#made.set(service, made);
    return made;
  }

  /** In the order of their turns: what comes later waits for what comes first, also where that is started as others are. */
  #starting(service: string, members: readonly Wanted[]): readonly Starting[] {
    const { fates, updates, desired } = this.#scene;
    const turns = new Map(updates.filter((update) => update.service === service).flatMap(({ batches }) => batches.flat()).map((turn) => [turn.one, turn]));
    return [...turns.keys(), ...members.filter((one) => !turns.has(one))].flatMap((one): readonly Starting[] => {
      const turn = turns.get(one);
      if (turn !== undefined && turn.old !== null) return turn.fate.successor === null ? [{ one, container: comesAs(turn), generation: turn.fate.generation, made: false }] : [];
      const { generation = 1, kind } = fates.wanted.get(one.name) ?? {};
      return isStarted(one, fates, desired) && kind !== 'restart' ? [{ one, container: one.name, generation, made: kind !== 'create' }] : [];
    });
  }
}

/** Whether a container is started in its place, not in the turn of an update. */
export function isStarted({ name }: Wanted, fates: Fates, desired: Desired): boolean {
  const kind = fates.wanted.get(name)?.kind;
  return (kind === 'create' || kind === 'start' || kind === 'restart') && !desired.unstarted.includes(name);
}
