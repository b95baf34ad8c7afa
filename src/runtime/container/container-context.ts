import type { Paths } from '../../state/paths.ts';
import type { CdiDevices } from '../cdi/cdi-devices.ts';
import type { Runtimes } from '../foreign/runtimes.ts';
import type { Images } from '../image/images.ts';
import type { Kernel } from '../kernel.ts';
import type { Machine } from '../machine.ts';
import type { Networks } from '../network/networks.ts';
import type { Nursery } from '../nursery.ts';
import type { SetAsides } from '../set-aside.ts';
import type { StorageDriver } from '../storage/storage-driver.ts';
import type { UsersChoice } from './choose-users.ts';
import type { UserNamespaces } from './user-namespaces.ts';
import type { Volumes } from '../volume/volumes.ts';

/** What the containers of one engine stand on. */
export interface ContainerContext {
  readonly paths: Paths;
  readonly kernel: Kernel;
  /** Starts shims, and what is run in containers. */
  readonly nursery: Nursery;
  readonly images: Images;
  readonly networks: Networks;
  readonly volumes: Volumes;
  readonly machine: Machine;
  /** Whose users containers get. */
  readonly users: UsersChoice;
  readonly userNamespaces: UserNamespaces;
  readonly storage: StorageDriver;
  readonly runtimes: Runtimes;
  readonly cdi: CdiDevices;
  /** Path of bayplan-core. */
  readonly core: string;
  readonly now: () => number;
  /** Receives what went wrong where nobody waits for an answer. */
  readonly report: (message: string) => void;
  readonly asides: SetAsides;
  /** Bytes of one log file, and how many are kept. */
  readonly logMax: number;
  readonly logFiles: number;
}
