import koffi, { type LibraryHandle } from 'koffi';
import { KernelError } from './kernel.ts';

type Native = ReturnType<LibraryHandle['func']>;

/** NFT_CTX_OUTPUT_JSON, and the codes of `nft_ctx_output_set_flags`. */
const NFT_JSON = 1 << 4;

/** libnftables with one context, made in the namespace of the thread that loads it. */
export class Libnftables {
  readonly #context: unknown;
  readonly #run: Native;
  readonly #flags: Native;
  readonly #output: Native;
  readonly #error: Native;
  readonly #free: Native;

  constructor() {
    const library = koffi.load('libnftables.so.1');
    this.#run = library.func('int nft_run_cmd_from_buffer(void *ctx, const char *text)');
    this.#flags = library.func('void nft_ctx_output_set_flags(void *ctx, unsigned int flags)');
    this.#output = library.func('const char *nft_ctx_get_output_buffer(void *ctx)');
    this.#error = library.func('const char *nft_ctx_get_error_buffer(void *ctx)');
    this.#free = library.func('void nft_ctx_free(void *ctx)');
    this.#context = library.func('void *nft_ctx_new(uint32_t flags)')(0);
    library.func('int nft_ctx_buffer_output(void *ctx)')(this.#context);
    library.func('int nft_ctx_buffer_error(void *ctx)')(this.#context);
  }

  free(): void {
    this.#free(this.#context);
  }

  /** Runs commands; answers what they print. Throws KernelError with the errno that its words stand for. */
  run(text: string, json: boolean): string {
    this.#flags(this.#context, json ? NFT_JSON : 0);
    const result: number = this.#run(this.#context, text);
    const output: string = this.#output(this.#context);
    const complaint: string = this.#error(this.#context);
    if (result !== 0) throw new KernelError('nft', nftCode(complaint), '', complaint.trim().split('\n')[0] ?? '');
    return output;
  }
}

/** libnftables answers in words only; these are strerror's. */
function nftCode(complaint: string): string {
  if (complaint.includes('No such file or directory')) return 'ENOENT';
  if (complaint.includes('File exists')) return 'EEXIST';
  if (complaint.includes('Operation not permitted')) return 'EPERM';
  if (complaint.includes('Device or resource busy')) return 'EBUSY';
  return 'EINVAL';
}
