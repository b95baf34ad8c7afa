import { spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, open, readdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import type { Writable } from 'node:stream';
import PQueue from 'p-queue';
import * as z from 'zod';
import { BayplanError } from '../../state/bayplan-error.ts';
import type { StorageDriver } from '../storage/storage-driver.ts';
import { layerFolder } from './chain-id.ts';

/** A layer's place in an image, and the blob that holds it. */
export interface Layer { readonly chainId: string; readonly diffId: string; readonly digest: string; readonly blob: string }

const Answer = z.looseObject({ version: z.int(), diffId: z.string() });
const Failure = z.looseObject({ error: z.string(), errno: z.int().optional() });

/**
 * Unpacked layers below one folder. A layer's folder exists only whole: it is unpacked beside its place, its diff ID checked, and then
 * renamed. What a crash left half-made has another name and is removed when the store is opened.
 */
export class LayerStore {
  readonly #folder: string;
  readonly #core: string;
  readonly #driver: StorageDriver;
  readonly #running = new Map<string, Promise<void>>();
  // Unpacking takes a core for the decompression and most of one for the files.
  readonly #queue = new PQueue({ concurrency: 2 });

  private constructor(folder: string, core: string, driver: StorageDriver) {
    this.#folder = folder;
    this.#core = core;
    this.#driver = driver;
  }

  static async open(folder: string, core: string, driver: StorageDriver): Promise<LayerStore> {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const name of await readdir(folder)) {
      if (name.includes('.tmp-')) await driver.removeLayer(join(folder, name));
    }
    return new LayerStore(folder, core, driver);
  }

  /** Whether a layer can be unpacked before those below it are. */
  get anyOrder(): boolean {
    return !this.#driver.whole;
  }

  /** All layers of an image, lowest first: their folders' names in the same order. */
  async ensureAll(layers: readonly Layer[]): Promise<readonly string[]> {
    if (this.anyOrder) {
      const unpacked = await Promise.allSettled(layers.map((layer) => this.ensure(layer, null)));
      return unpacked.map((each) => { // when none is under way any more
        if (each.status === 'rejected') throw each.reason;
        return each.value;
      });
    }
    const names: string[] = [];
    for (const layer of layers) names.push(await this.ensure(layer, names.at(-1) ?? null));
    return names;
  }

  /** The folder's name relative to the store's; unpacks where it is missing, once for all who ask meanwhile. `below`: the name of the layer's that it lies on, which counts where layers are whole. */
  async ensure(layer: Layer, below: string | null): Promise<string> {
    const name = layerFolder(layer.chainId);
    if (existsSync(join(this.#folder, name))) return name;
    let running = this.#running.get(name);
    if (running === undefined) {
      running = this.#queue.add(() => this.#unpack(layer, name, below)).finally(() => this.#running.delete(name));
      this.#running.set(name, running);
    }
    await running;
    return name;
  }

  /** Whether a layer is there, whole. */
  has(chainId: string): boolean {
    return existsSync(join(this.#folder, layerFolder(chainId)));
  }

  /** Removes the folders of all layers but these. A folder that goes loses its name first: what has the name is whole. */
  async removeOthers(needed: ReadonlySet<string>): Promise<void> {
    for (const name of await readdir(this.#folder)) {
      if (needed.has(name) || !/^[0-9a-f]{32}$/.test(name)) continue;
      const going = join(this.#folder, temporaryName(name));
      await rename(join(this.#folder, name), going);
      await this.#driver.removeLayer(going);
    }
  }

  /**
   * Unpacks a layer while `feed` brings it, which ends the sink itself; where the layer is there already there is no sink. What `feed` throws is the failure, unless the
   * unpacker had refused what it got before, or where layers have an order there is none either. Takes no turn: whoever brings bytes from afar has a bound of his own. Nobody else waits for it: it may never end.
   */
  async receive(layer: Omit<Layer, 'blob'>, feed: (sink: Writable | null) => Promise<void>): Promise<void> {
    const name = layerFolder(layer.chainId);
    if (!this.anyOrder || existsSync(join(this.#folder, name))) return await feed(null);
    await this.#unpackInto(name, layer, null, (folder) => unpackFed(this.#core, layer, folder, feed));
  }

  async #unpack(layer: Layer, name: string, below: string | null): Promise<void> {
    await this.#unpackInto(name, layer, below, (folder) => unpackFile(this.#core, layer, folder, this.#driver.whole));
  }

  async #unpackInto(name: string, layer: Omit<Layer, 'blob'>, below: string | null, unpack: (folder: string) => Promise<string>): Promise<void> {
    const temporary = join(this.#folder, temporaryName(name));
    try {
      await this.#driver.makeLayer(temporary, below === null ? null : join(this.#folder, below));
      const diffId = await unpack(temporary);
      if (diffId !== layer.diffId) throw new BayplanError('layer-damaged', `layer ${layer.digest} unpacks to ${diffId}, its image says ${layer.diffId}: it was changed or is damaged; load the image again from a good archive`);
      await rename(temporary, join(this.#folder, name)).catch(async (error: unknown) => {
        if (!this.has(layer.chainId)) throw error;
        await this.#driver.removeLayer(temporary); // somebody else was faster
      });
    } catch (error) {
      await this.#driver.removeLayer(temporary);
      throw error;
    }
  }
}

/** A name that is no layer's; what has it is removed when the store is opened. */
function temporaryName(name: string): string {
  return `${name}.tmp-${randomBytes(4).toString('hex')}`;
}

async function unpackFile(core: string, layer: Layer, folder: string, whole: boolean): Promise<string> {
  let blob;
  try {
    blob = await open(layer.blob, 'r');
  } catch (cause) {
    throw new BayplanError('layer-missing', `layer ${layer.digest} is not in the image store any more: load the image again`, { cause });
  }
  try {
    return await unpacked(spawn(core, ['unpack', '--dest', folder, ...(whole ? ['--whole'] : [])], { stdio: [blob.fd, 'pipe', 'pipe'], env: {} }), layer);
  } finally {
    await blob.close();
  }
}

async function unpackFed(core: string, layer: Omit<Layer, 'blob'>, folder: string, feed: (sink: Writable) => Promise<void>): Promise<string> {
  const child = spawn(core, ['unpack', '--dest', folder], { stdio: ['pipe', 'pipe', 'pipe'], env: {} });
  child.stdin.on('error', () => undefined); // whoever writes is told
  const ended = unpacked(child, layer);
  ended.catch(() => undefined); // it may refuse the layer before the last byte has been fed, when nobody waits for it yet
  try {
    await feed(child.stdin);
  } catch (error) {
    const refused = child.stdin.destroyed; // it had ended before, and says why
    child.kill('SIGKILL');
    const refusal: unknown = await ended.then(() => error, (failure: unknown) => failure);
    throw refused ? refusal : error;
  }
  return await ended;
}

/** What an unpacker that runs has unpacked: the diff ID. */
async function unpacked(child: ChildProcess, layer: Omit<Layer, 'blob'>): Promise<string> {
  const output: Buffer[] = [];
  const errors: Buffer[] = [];
  child.stdout?.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr?.on('data', (chunk: Buffer) => errors.push(chunk));
  const [code, signal] = await once(child, 'close');
  if (code === 0) return Answer.parse(JSON.parse(Buffer.concat(output).toString())).diffId;
  throw new BayplanError('layer-refused', `layer ${layer.digest} cannot be unpacked: ${reason(Buffer.concat(errors).toString().trim(), code, signal)}`);
}

function reason(text: string, code: unknown, signal: unknown): string {
  try {
    const { error, errno } = Failure.parse(JSON.parse(text));
    return errno === 28 ? `${error}; free some space and load the image again` : error;
  } catch {
    return text === '' ? `bayplan-core unpack ended with ${signal === null ? `code ${String(code)}` : String(signal)}` : text;
  }
}
