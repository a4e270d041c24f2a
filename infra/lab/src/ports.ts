/**
 * Port blocks: several libvirtd on one machine share its port numbers but not their own record of which are free,
 * so two of them give the same VNC port to two guests. Each lab host therefore owns a block of its own. The claim is a
 * listening socket on the block's last port: exclusive by the kernel, and gone with the process that held it.
 */

const BLOCK = 128;
/** Below Linux' ephemeral ports (32768) and above what services like to use. */
const FIRST = 16_384;
const BLOCKS = (32_768 - FIRST) / BLOCK;

export interface PortBlock {
  /** Inclusive ranges, disjoint from those of every other live block. */
  readonly display: readonly [min: number, max: number];
  readonly websocket: readonly [min: number, max: number];
  readonly migration: readonly [min: number, max: number];
  release(): void;
}

/**
 * Claims a free block; the search starts at a random one so that parallel starts rarely meet. Throws when none is free.
 */
export function claimPortBlock(random: () => number = Math.random): PortBlock {
  const start = Math.floor(random() * BLOCKS);
  for (let i = 0; i < BLOCKS; i++) {
    const base = FIRST + ((start + i) % BLOCKS) * BLOCK;
    try {
      const claim = Bun.listen({ hostname: "127.0.0.1", port: base + BLOCK - 1, socket: { data() {} } });
      claim.unref();
      return {
        display: [base, base + 63],
        websocket: [base + 64, base + 95],
        migration: [base + 96, base + 126],
        release: () => claim.stop(true),
      };
    } catch {
      // Claimed by another lab (or in use by a stranger): the next block.
    }
  }
  throw new Error(`no free block of ${BLOCK} ports between ${FIRST} and 32767 for a lab host`);
}
