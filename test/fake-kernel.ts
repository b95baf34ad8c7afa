import type { Kernel, NetlinkAnswer, PinsFolder } from '../src/runtime/kernel.ts';

export interface KernelCall { readonly call: keyof Kernel; readonly args: readonly unknown[] }

/**
 * A kernel that records what it is asked and does nothing. Each answer can be set: `answers.nft = () => '…'`; one that throws makes the call
 * fail. Without one, netlink acknowledges everything, locks are free, pipes and reserved ports count up from 100.
 */
export class FakeKernel implements Kernel {
  readonly calls: KernelCall[] = [];
  readonly answers: Partial<Kernel> = {};
  #next = 100;

  /** The calls of one kind, in order. */
  of(call: keyof Kernel): readonly (readonly unknown[])[] {
    return this.calls.filter((one) => one.call === call).map((one) => one.args);
  }

  async spawnDetached(...args: Parameters<Kernel['spawnDetached']>): Promise<void> {
    this.#record('spawnDetached', args);
    await this.answers.spawnDetached?.(...args);
  }
  async openNursery(core: string): Promise<number> {
    this.#record('openNursery', [core]);
    return this.answers.openNursery?.(core) ?? this.#next++;
  }
  order(...args: Parameters<Kernel['order']>): void {
    this.#record('order', args);
    this.answers.order?.(...args);
  }
  closeNursery(nursery: number): void {
    this.#record('closeNursery', [nursery]);
  }
  exec(file: string, argv: readonly string[]): never {
    this.#record('exec', [file, argv]);
    throw new Error('it is another program by now');
  }
  forgetNft(): void {
    this.#record('forgetNft', []);
  }
  pipe(): [number, number] {
    this.#record('pipe', []);
    return this.answers.pipe?.() ?? [this.#next++, this.#next++];
  }
  socketPair(): [number, number] {
    this.#record('socketPair', []);
    return this.answers.socketPair?.() ?? [this.#next++, this.#next++];
  }
  close(fd: number): void {
    this.#record('close', [fd]);
    this.answers.close?.(fd);
  }
  lock(path: string): number | null {
    this.#record('lock', [path]);
    return this.answers.lock === undefined ? this.#next++ : this.answers.lock(path);
  }
  openPins(folder: string, place: string): PinsFolder {
    this.#record('openPins', [folder, place]);
    return this.answers.openPins?.(folder, place) ?? { mounts: this.#next++, root: this.#next++ };
  }
  async createNetns(path: string, mounts = -1, there = false): Promise<void> {
    this.#record('createNetns', [path, mounts, there]);
    await this.answers.createNetns?.(path);
  }
  async connectNetns(...args: Parameters<Kernel['connectNetns']>): ReturnType<Kernel['connectNetns']> {
    this.#record('connectNetns', args);
    if (this.answers.connectNetns !== undefined) return this.answers.connectNetns(...args);
    const success = { errno: 0, message: '', payloads: [] };
    return { outer: [...args[5].births, ...args[5].rest].map(() => success), inner: args[6].map(() => success) };
  }
  forgetSpareNetns(): void {
    this.#record('forgetSpareNetns', []);
  }
  async createUsers(...args: Parameters<Kernel['createUsers']>): Promise<number> {
    this.#record('createUsers', args);
    return this.answers.createUsers === undefined ? this.#next++ : await this.answers.createUsers(...args);
  }
  async pinNamespace(...args: Parameters<Kernel['pinNamespace']>): Promise<void> {
    this.#record('pinNamespace', args);
    await this.answers.pinNamespace?.(...args);
  }
  async netnsSysctl(...args: Parameters<Kernel['netnsSysctl']>): Promise<void> {
    this.#record('netnsSysctl', args);
    await this.answers.netnsSysctl?.(...args);
  }
  async netnsIpv6(netns: string): Promise<void> {
    this.#record('netnsIpv6', [netns]);
    await this.answers.netnsIpv6?.(netns);
  }
  async removeNetns(path: string, mounts = -1): Promise<void> {
    this.#record('removeNetns', [path, mounts]);
    await this.answers.removeNetns?.(path);
  }
  privateMount(path: string): void {
    this.#record('privateMount', [path]);
    this.answers.privateMount?.(path);
  }
  sealMount(path: string): void {
    this.#record('sealMount', [path]);
    this.answers.sealMount?.(path);
  }
  spreadTree(path: string): void {
    this.#record('spreadTree', [path]);
    this.answers.spreadTree?.(path);
  }
  async removeTree(path: string): Promise<void> {
    this.#record('removeTree', [path]);
    await this.answers.removeTree?.(path);
  }
  detachMount(path: string): void {
    this.#record('detachMount', [path]);
    this.answers.detachMount?.(path);
  }
  async sync(paths: readonly string[]): Promise<void> {
    this.#record('sync', [paths]);
    await this.answers.sync?.(paths);
  }
  async netlink(...args: Parameters<Kernel['netlink']>): Promise<readonly NetlinkAnswer[]> {
    this.#record('netlink', args);
    if (this.answers.netlink !== undefined) return this.answers.netlink(...args);
    return args[1].map(() => ({ errno: 0, message: '', payloads: [] }));
  }
  nft(text: string, json = false): string {
    this.#record('nft', [text, json]);
    return this.answers.nft?.(text, json) ?? '';
  }
  reservePort(...args: Parameters<Kernel['reservePort']>): { fd: number; port: number } {
    this.#record('reservePort', args);
    const [, , port] = args;
    return this.answers.reservePort?.(...args) ?? { fd: this.#next++, port: port === 0 ? 49152 : port };
  }

  watch(): number {
    this.#record('watch', []);
    return this.answers.watch?.() ?? this.#next++;
  }

  #record(call: keyof Kernel, args: readonly unknown[]): void {
    this.calls.push({ call, args });
  }
}
