/**
 * One thing that is kept running: a program of its own, or a service inside this process.
 *
 *   stopped ──start──▶ starting ──▶ running ──exit──▶ waiting ──delay──▶ starting …
 *                                      └──stop──▶ stopping ──▶ stopped
 *
 * What dies is started again after a delay that doubles from 250 ms to 10 s and is forgotten once it has run for 30 s:
 * a hiccup costs a quarter of a second, a program that cannot start does not eat the machine.
 */
import type { Log } from "@nano/contract";
import { words } from "../problem.ts";
import type { ProcessId } from "./process-id.ts";

/** One life of a unit. */
export interface Life {
  /** Absent for a service inside this process. */
  readonly process?: ProcessId;
  /** Resolves when it has ended by itself or by {@link stop}, with words on how. */
  readonly ended: Promise<string>;
  /** Asks it to end, insists after `graceMs`, resolves when it has. */
  stop(graceMs: number): Promise<void>;
}

export type UnitState = "stopped" | "starting" | "running" | "waiting" | "stopping";

/** Milliseconds to wait before the start that follows `failures` deaths in a row, at least one. */
export function restartDelayMs(failures: number): number {
  return Math.min(250 * 2 ** Math.min(failures - 1, 16), 10_000);
}
/** A life at least this long makes the next death the first. */
export const healthyAfterMs = 30_000;
export const stopGraceMs = 10_000;

export class Unit {
  state: UnitState = "stopped";
  /** When it came into its state, as milliseconds since the epoch. */
  since = Date.now();
  restarts = 0;
  lastEnd: string | undefined;
  private failures = 0;
  private life: Life | undefined;
  private wake: (() => void) | undefined;
  private loop: Promise<void> | undefined;

  constructor(
    readonly name: string,
    private readonly begin: () => Promise<Life>,
    private readonly log: Log,
    private readonly changed: () => void,
  ) {}

  get process(): ProcessId | undefined {
    return this.life?.process;
  }

  /** Begins to keep it running. Resolves once its first start was tried. */
  start(): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.loop ??= this.keepRunning(resolve);
    return promise;
  }

  async stop(): Promise<void> {
    if (!this.loop) return;
    this.enter("stopping");
    this.wake?.();
    const began = performance.now();
    await this.life?.stop(stopGraceMs);
    if (performance.now() - began >= stopGraceMs)
      this.log.warn("a unit had not stopped in time and was ended", { unit: this.name, afterMs: stopGraceMs });
    await this.loop;
    this.loop = undefined;
    this.enter("stopped");
  }

  async restart(): Promise<void> {
    await this.stop();
    this.failures = 0;
    await this.start();
  }

  private async keepRunning(tried: () => void): Promise<void> {
    while (this.state !== "stopping") {
      this.enter("starting");
      const began = performance.now();
      let end: string;
      try {
        this.life = await this.begin();
        // A stop may have come while it was starting.
        if (this.stopping()) await this.life.stop(stopGraceMs);
        else this.enter("running");
        tried();
        end = await this.life.ended;
      } catch (thrown) {
        end = `could not start: ${words(thrown)}`;
        tried();
      }
      this.life = undefined;
      if (this.stopping()) return;
      this.lastEnd = end;
      this.restarts += 1;
      this.failures = performance.now() - began >= healthyAfterMs ? 1 : this.failures + 1;
      const delay = restartDelayMs(this.failures);
      this.log.warn("a unit ended and will be started again", { unit: this.name, end, inMs: delay });
      this.enter("waiting");
      await this.pause(delay);
    }
  }

  // TypeScript narrows `state` to what this function last wrote; stop() writes it in between.
  private stopping(): boolean {
    return this.state === "stopping";
  }

  private async pause(ms: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    this.wake = resolve;
    await promise;
    clearTimeout(timer);
    this.wake = undefined;
  }

  private enter(state: UnitState): void {
    this.state = state;
    this.since = Date.now();
    this.changed();
  }
}
