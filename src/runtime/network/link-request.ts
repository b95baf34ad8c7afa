import { errnoName, type Kernel, KernelError, type NetlinkAnswer } from '../kernel.ts';

/** A netlink message and what it is about, for its error. */
export interface LinkRequest { readonly about: string; readonly message: Buffer; /** Names of errors that are as good as success. */ readonly accept?: readonly string[] }

/** Sends all in one batch; throws the first failure as a KernelError with the kernel's own words. */
export async function requestLinks(kernel: Kernel, netns: string | null, requests: readonly LinkRequest[], protocol?: number): Promise<readonly NetlinkAnswer[]> {
  const answers = await kernel.netlink(netns, requests.map((one) => one.message), protocol);
  checkAnswers(requests, answers);
  return answers;
}

/** Throws the first failure among the answers to these requests. */
export function checkAnswers(requests: readonly LinkRequest[], answers: readonly NetlinkAnswer[]): void {
  for (const [index, { about, accept = [] }] of requests.entries()) {
    const answer = answers[index];
    if (answer === undefined || answer.errno === 0) continue;
    const code = errnoName(answer.errno);
    if (!accept.includes(code)) throw new KernelError('netlink', code, about, answer.message);
  }
}
