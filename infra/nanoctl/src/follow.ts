/** Follows what a service does by itself, until it has ended. */
import { NanoError } from "@nano/contract";

const everyMs = 500;
/** So often nobody may answer before it is given up: a service that restarts is waited for. */
const patience = 120;

/** @throws what `ask` throws, unless it may work later */
export async function follow<T>(
  ask: () => Promise<T>,
  hasEnded: (now: T) => boolean,
  pauseMs: number = everyMs,
): Promise<T> {
  for (let inVain = 0; ; await Bun.sleep(pauseMs)) {
    try {
      const now = await ask();
      if (hasEnded(now)) return now;
      inVain = 0;
    } catch (thrown) {
      if (!(thrown instanceof NanoError && thrown.retryable) || ++inVain >= patience) throw thrown;
    }
  }
}
