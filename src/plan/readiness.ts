import type { Container } from '../state/container.ts';
import type { Step } from '../state/plan.ts';
import type { Dependency } from '../state/service.ts';
import type { State } from '../state/state.ts';
import { byKey, type Wanted } from './expand.ts';
import { completed, type Fates } from './fates.ts';
import { stepId } from './step-id.ts';

/** What has to be so before a container can start: ids of steps, some of which wait. */
export interface Conditions { readonly needs: readonly string[]; readonly waits: readonly Step[] }

/** What containers wait for before they start: those that their services depend on. One wait serves all who ask for the same. */
export class Readiness {
  readonly #byService: ReadonlyMap<string, readonly Wanted[]>;
  readonly #fates: Fates;
  readonly #actual: State;
  readonly #waits = new Map<string, Step>();
  readonly #ends = new Map<string, string>();

  constructor(byService: ReadonlyMap<string, readonly Wanted[]>, fates: Fates, actual: State) {
    this.#byService = byService;
    this.#fates = fates;
    this.#actual = actual;
  }

  /** Containers that are replaced in their turn are ready with the last step of that: by name. */
  endWith(ends: ReadonlyMap<string, string>): void {
    for (const [name, end] of ends) this.#ends.set(name, end);
  }

  of(one: Wanted): Conditions {
    const needs = Object.entries(one.dependsOn).sort(byKey).flatMap(([service, dependency]) => (this.#byService.get(service) ?? []).flatMap(({ name }) => this.#ofReplica(one, name, dependency)));
    return { needs, waits: needs.flatMap((id) => this.#waits.get(id) ?? []) };
  }

  #ofReplica(dependent: Wanted, name: string, { condition, required }: Dependency): readonly string[] {
    const end = this.#ends.get(name);
    if (end !== undefined) return [end];
    const started = STARTS.map((action) => stepId(action, name));
    if (condition === 'service_started') return started;
    const until = condition === 'service_healthy' ? 'healthy' : 'completed';
    if (this.#fates.wanted.get(name)?.kind === 'settled' && isAlready(this.#actual.containers[name], until)) return [];
    const id = `${stepId('wait-container', name)} ${until}${required ? '' : ' optional'}`;
    if (!this.#waits.has(id)) {
      const args = { name, until, ...(required ? {} : { optional: true }) } as const;
      this.#waits.set(id, { id, action: 'wait-container', args, needs: started, why: `service ${dependent.service} depends on it` });
    }
    return [id];
  }
}

/** Whichever of these the plan has for a container: after them it is started, and as it should be. */
const STARTS = ['start-container', 'unpause-container', 'update-container', 'probe-container', 'publish-ports'] as const;

function isAlready(container: Container | undefined, until: 'healthy' | 'completed'): boolean {
  const status = container?.status;
  if (status === null || status === undefined) return false;
  return until === 'completed' ? completed(status) : status.phase === 'running' && status.health === 'healthy';
}
