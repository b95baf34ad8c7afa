import { volumesUsedBy } from '../../state/volume-users.ts';
import type { ImageUser } from '../image/images.ts';
import type { AsideContainer } from './aside-container.ts';
import type { ContainerEntry } from './container-entry.ts';
import { usersDonor } from './users-home.ts';
import type { Users } from './users.ts';

/** What a container that is being made needs: its images' IDs, volumes, users. */
export interface Claim { readonly imageIds: readonly string[]; readonly volumes: readonly string[]; readonly users: Users | null }

/** What containers use, and others must leave alone: of those that are there, that are being made, and whose records cannot be read. */
export class Claims {
  readonly #entries: ReadonlyMap<string, ContainerEntry>;
  readonly #aside: readonly AsideContainer[];
  readonly #making = new Map<string, Claim>();

  constructor(entries: ReadonlyMap<string, ContainerEntry>, aside: readonly AsideContainer[]) {
    this.#entries = entries;
    this.#aside = aside;
  }

  /** Says what a container that is being made needs. */
  set(name: string, claim: Claim): void {
    this.#making.set(name, claim);
  }

  /** The container is there by now, or will never be. */
  delete(name: string): void {
    this.#making.delete(name);
  }

  isMaking(name: string): boolean {
    return this.#making.has(name);
  }

  imageUsers(): readonly ImageUser[] {
    const made = [...this.#entries].flatMap(([container, { record, phase }]) =>
      [record.spec.imageId, ...Object.values(record.mountedImages)].map((imageId) => ({ container, imageId, running: phase === 'running' })));
    const aside = this.#aside.flatMap((one) => (one.imageIds ?? ['']).map((imageId) => ({ container: nameOf(one), imageId, running: true })));
    return [...made, ...aside, ...[...this.#making].flatMap(([container, { imageIds }]) => imageIds.map((imageId) => ({ container, imageId, running: false })))];
  }

  /** Names of the containers that use a volume. */
  volumeUsers(volume: string): readonly string[] {
    const made = [...this.#entries].filter(([, { record }]) => volumesUsedBy(record.spec, record.anonymousVolumes).includes(volume));
    const making = [...this.#making].filter(([, { volumes }]) => volumes.includes(volume));
    const aside = this.#aside.filter(({ volumes }) => volumes === null || volumes.includes(volume));
    return [...new Set([...[...made, ...making].map(([name]) => name), ...aside.map(nameOf)])];
  }

  /** Users that are some container's already. Who borrows them, and does not run, gets what its donor has then. */
  users(): readonly Users[] {
    const made = [...this.#entries.values()].filter(({ record, phase }) => phase === 'running' || usersDonor(record.spec) === null);
    return [...made.map(({ record }) => record.users), ...[...this.#making.values()].map(({ users }) => users)].filter((users) => users !== null);
  }
}

function nameOf({ id, name }: AsideContainer): string {
  return name === '' ? id.slice(0, 12) : name;
}
