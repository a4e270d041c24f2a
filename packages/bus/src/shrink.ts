/** Giving memory back once a program has started. */

const lookEveryMs = 3_000;
/** Of a core: with more than this it is still starting, or already wanted. */
const quietShare = 0.05;

/**
 * Frees, once, what only the start needed: as soon as the process has been quiet for three seconds, its compiled code
 * is dropped (what is called again is compiled again) and its garbage collected. 2 to 4 MiB of an idle service.
 */
export function shrinkOnceQuiet(): void {
  let before = process.cpuUsage();
  const timer = setInterval(() => {
    const used = process.cpuUsage(before);
    before = process.cpuUsage();
    if ((used.user + used.system) / 1_000 > lookEveryMs * quietShare) return;
    clearInterval(timer);
    Bun.shrink();
  }, lookEveryMs);
  timer.unref();
}
