/** The scheduler's side of the discovery: who announces itself properly gets a JWT for the key it has proved to own. */
import type { CellMint } from "@nano/bus/identity";
import { type CellId, type Clock, createQuietLog, type Log } from "@nano/contract";
import { type Listener, listen, type Rendezvous } from "@nano/discovery";

export interface AdmissionConfig extends Rendezvous {
  /** Where cells find the bus. */
  readonly busUrls: readonly string[];
  /** Only cells that prove to know it are answered, and those that are members already. */
  readonly joinSecret: string;
}

/**
 * A cell that was admitted appears as discovered with its first heartbeat and hosts nothing until someone adds it to a
 * pool, so that joining the bus is no privilege: its JWT lets it speak for itself only.
 */
export const admitCells = (
  config: AdmissionConfig,
  deps: {
    mint: CellMint;
    log: Log;
    clock: Clock;
    /** A person has added it to a pool: it is known by its key. */
    isMember: (cell: CellId) => boolean;
    /** Keeps the key that a cell has proven to own. @returns false when the cell was forgotten: it gets no answer */
    admit?: (cell: CellId, publicKey: string) => Promise<boolean>;
  },
): Promise<Listener> => {
  const { busUrls, ...rendezvous } = config;
  const { mint, log, clock, isMember, admit = () => Promise.resolve(true) } = deps;
  const quiet = createQuietLog(log);
  return listen({
    ...rendezvous,
    accountSigner: { getPublicKey: () => mint.signer, sign: (data) => mint.sign(data) },
    log,
    clock,
    isMember,
    answer: async ({ cell, name, publicKey, addresses }) => {
      if (!(await admit(cell, publicKey))) {
        quiet.warn("forgotten-cell", cell, "A cell that was forgotten asks to join; cell.readmit lets it", { name });
        return undefined;
      }
      log.info("A cell asks to join; giving it an identity", { cell, name, address: addresses[0] });
      return { busUrls, jwt: await mint.mint(cell, publicKey) };
    },
  });
};
