/**
 * The five tests that every saga passes, in a real world (nats-server, database file, cells on the bus):
 *
 * 1. `failsEverywhere`: it fails before and after the effect of every step, and nothing is left
 * 2. `stepsRunTwice`: every step runs twice, and the result is the same
 * 3. `undosRunTwice`: as 1, and every undo runs twice
 * 4. `killedEverywhere`: the scheduler's process is killed with SIGKILL before and after every effect, on the way there
 *    and on the way back, is started again, and the task ends as if nothing had happened
 * 5. `cancelledEverywhere`: it is cancelled before and after the effect of every step, and while the step's end is
 *    being written down. Either the cancel is accepted and nothing is left, or it is refused and the task gets to its
 *    end
 */
import { describe, expect, test } from "bun:test";
import { NanoError, type OperationName, type Task } from "@nano/contract";
import { expectInvariants } from "../testing/invariants.ts";
import { codeOf, until, World } from "../testing/world.ts";
import type { Failpoint, FailpointPhase, Saga } from "./saga.ts";

/** One saga, as the tests see it from outside. */
export interface SagaScenario<Subject> {
  readonly operation: OperationName;
  /** Steps that are done in the transaction of the request, so that they cannot fail by themselves. */
  readonly atOnce?: readonly string[];
  /** Steps that are undone when a later one fails. */
  readonly undos: readonly string[];
  /** Steps without a way back: a failure there is met with another try. */
  readonly onwardsOnly?: readonly string[];
  /** Steps that lose something: they may fail, but not be cancelled. */
  readonly irrevocable?: readonly string[];
  /** Makes what the operation works on. */
  prepare(world: World): Promise<Subject>;
  /** Asks for the operation; with the same key, for the same one. */
  begin(world: World, subject: Subject, idempotencyKey: string): Promise<Task>;
  /** After success. */
  accomplished(world: World, subject: Subject): Promise<void>;
  /** After a failure that was undone. */
  untouched(world: World, subject: Subject): Promise<void>;
}

const effects = ["before", "after"] as const;
const key = () => Bun.randomUUIDv7();

async function failsEverywhere<S>(scenario: SagaScenario<S>): Promise<void> {
  await failEverywhere(scenario, (saga) => saga);
}

async function stepsRunTwice<S>(scenario: SagaScenario<S>): Promise<void> {
  await using world = await World.start({ overrides: { adaptSaga: (saga) => adapt(saga, scenario, "do") } });
  const subject = await scenario.prepare(world);
  const task = await world.ended(await scenario.begin(world, subject, key()));
  expect(task.state).toBe("done");
  await scenario.accomplished(world, subject);
  await settled(world);
}

async function undosRunTwice<S>(scenario: SagaScenario<S>): Promise<void> {
  await failEverywhere(scenario, (saga) => adapt(saga, scenario, "undo"));
}

async function killedEverywhere<S>(scenario: SagaScenario<S>): Promise<void> {
  await using world = await World.start({ process: true });
  const steps = await stepsOf(world, scenario);
  const { operation, undos, onwardsOnly = [] } = scenario;
  for (const step of steps)
    for (const phase of effects) {
      const { task, subject } = await killedAt(world, scenario, `${operation}:${step}@${phase}:kill`);
      expect(task.state, `killed ${phase} ${step}`).toBe("done");
      await scenario.accomplished(world, subject);
      await settled(world);
    }
  // And on the way back, from the last step that has one.
  const last = steps.filter((step) => !onwardsOnly.includes(step)).at(-1);
  for (const step of undos)
    for (const phase of ["undo-before", "undo-after"] satisfies FailpointPhase[]) {
      const { task, subject } = await killedAt(
        world,
        scenario,
        `${operation}:${last}:throw,${operation}:${step}@${phase}:kill`,
      );
      expect(task.state, `killed ${phase} of ${step}`).toBe("failed");
      await scenario.untouched(world, subject);
      await settled(world);
    }
}

async function cancelledEverywhere<S>(scenario: SagaScenario<S>): Promise<void> {
  let trip: Failpoint = () => {};
  await using world = await World.start({ overrides: { failpoint: (...at) => trip(...at) } });
  const { operation, onwardsOnly = [], irrevocable = [] } = scenario;
  for (const step of await stepsOf(world, scenario))
    for (const phase of effects)
      for (const racing of [false, true]) {
        const subject = await scenario.prepare(world);
        const began = Promise.withResolvers<Task>();
        const answered = Promise.withResolvers<string>();
        let tripped = 0;
        trip = async (...at) => {
          if (!Bun.deepEquals(at, [operation, step, phase]) || tripped++ > 0) return;
          const { id } = await began.promise;
          const cancel = codeOf(world.call("task.cancel", { id }));
          void cancel.then(answered.resolve, answered.reject);
          // Racing, the step ends while the cancel is on its way.
          if (!racing) await cancel;
        };
        began.resolve(await scenario.begin(world, subject, key()));
        const code = await answered.promise;
        const task = await world.ended(await began.promise);
        trip = () => {};
        const where = `cancelled ${phase} ${step}${racing ? ", racing" : ""}: ${code}`;
        if (!racing) {
          const final = onwardsOnly.includes(step) || irrevocable.includes(step);
          expect(code, where).toBe(final ? "not-cancellable" : "no error");
        }
        expect(["no error", "not-cancellable"]).toContain(code);
        expect(task.state, where).toBe(code === "no error" ? "cancelled" : "done");
        if (code === "no error") await scenario.untouched(world, subject);
        else await scenario.accomplished(world, subject);
        await settled(world);
      }
}

// --- parts
// -------------------------------------------------------------------------------------------------------------

async function failEverywhere<S>(scenario: SagaScenario<S>, adaptSaga: (saga: Saga) => Saga): Promise<void> {
  let trip: Failpoint = () => {};
  await using world = await World.start({
    overrides: { adaptSaga, failpoint: (...at) => trip(...at) },
  });
  for (const step of await stepsOf(world, scenario))
    for (const phase of effects) {
      const subject = await scenario.prepare(world);
      let tripped = 0;
      trip = (...at) => {
        if (!Bun.deepEquals(at, [scenario.operation, step, phase]) || tripped++ > 0) return;
        throw new NanoError("internal", `Tripped ${phase} ${step}`);
      };
      const task = await world.ended(await scenario.begin(world, subject, key()));
      trip = () => {};
      expect(tripped, `reached ${step}`).toBeGreaterThan(0);
      if (scenario.onwardsOnly?.includes(step)) {
        expect(task.state, `failed ${phase} ${step}, and went on`).toBe("done");
        await scenario.accomplished(world, subject);
      } else {
        expect(task.state, `failed ${phase} ${step}`).toBe("failed");
        expect(task.error?.message).toBe(`Tripped ${phase} ${step}`);
        expect(task.steps.find(({ state }) => state === "failed")?.name).toBe(step);
        const undone = task.steps.filter(({ state }) => state === "undone").map(({ name }) => name);
        expect(undone).toEqual(scenario.undos.slice(0, undone.length));
        await scenario.untouched(world, subject);
      }
      await settled(world);
    }
}

/** Does it once, to learn the steps that may fail. */
async function stepsOf<S>(world: World, scenario: SagaScenario<S>): Promise<string[]> {
  const subject = await scenario.prepare(world);
  const task = await world.ended(await scenario.begin(world, subject, key()));
  expect(task.state).toBe("done");
  await scenario.accomplished(world, subject);
  await settled(world);
  return task.steps.map(({ name }) => name).filter((name) => !scenario.atOnce?.includes(name));
}

/** Begins it with a scheduler that kills itself at the failpoints, starts another one, and waits for the end. */
async function killedAt<S>(world: World, scenario: SagaScenario<S>, fail: string): Promise<{ task: Task; subject: S }> {
  const subject = await scenario.prepare(world);
  await world.setFailpoints(fail);
  const idempotencyKey = key();
  // The reply may die with the scheduler, or the request may not be taken yet; who asked repeats the question with the
  // same key.
  let first: Task | undefined;
  let refused: unknown;
  let killed = false;
  void (async () => {
    while (!killed && !first)
      try {
        first = await scenario.begin(world, subject, idempotencyKey);
      } catch (error) {
        refused = error;
        await Bun.sleep(50);
      }
  })();
  await world.schedulerKilled().catch((error) => {
    throw new Error(`${fail}: what was begun: ${first?.id ?? "nothing"}; last refused with: ${refused}`, {
      cause: error,
    });
  });
  killed = true;
  await world.spawnScheduler();
  const task = await world.ended(await scenario.begin(world, subject, idempotencyKey));
  if (first) expect(task.id).toBe(first.id);
  return { task, subject };
}

/** The saga with every step done twice, or undone twice. */
function adapt<S>(saga: Saga, scenario: SagaScenario<S>, what: "do" | "undo"): Saga {
  if (saga.operation !== scenario.operation) return saga;
  return {
    ...saga,
    steps: saga.steps.map((step) => {
      const { undo } = step;
      if (what === "do")
        return {
          ...step,
          do: async (run) => {
            await step.do(run);
            await step.do(run);
          },
        };
      if (typeof undo === "string") return step;
      return {
        ...step,
        undo: async (run) => {
          await undo(run);
          await undo(run);
        },
      };
    }),
  };
}

/** Cells report what they have, and then all the invariants hold. */
async function settled(world: World): Promise<void> {
  for (const cell of world.cells) cell.inventory();
  await until("the invariants hold", () => expectInvariants(world).then(() => true));
}

/** All five, as tests of their own. */
export const everySagaTest = <S>(scenario: SagaScenario<S>): void =>
  describe(scenario.operation, () => {
    test("fails at every step and leaves nothing", () => failsEverywhere(scenario), 60_000);
    test("every step may run twice", () => stepsRunTwice(scenario), 60_000);
    test("every undo may run twice", () => undosRunTwice(scenario), 60_000);
    test("is cancelled at every step, and leaves nothing or goes on", () => cancelledEverywhere(scenario), 60_000);
    test("is killed at every step and goes on", () => killedEverywhere(scenario), 180_000);
  });
