import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { createSpace } from "./space.ts";

const MiB = 2 ** 20;
const codeOf = (work: Promise<unknown>) =>
  work.then(
    () => "fine",
    (error) => error.code,
  );

describe("room", () => {
  test("that one upload has reserved is not there for another, until it is given back", async () => {
    const space = createSpace(async () => 100 * MiB);
    const first = await space.reserve(60 * MiB);
    expect(await codeOf(space.reserve(60 * MiB))).toBe("disk-full");
    expect(await codeOf(space.check(40 * MiB))).toBe("fine");
    first.release();
    first.release();
    expect(space.reservedBytes).toBe(0);
    expect(await codeOf(space.reserve(60 * MiB))).toBe("fine");
  });

  test("is not promised twice to those who ask at the same moment", async () => {
    const space = createSpace(async () => 100 * MiB);
    const answers = await Promise.all(Array.from({ length: 10 }, () => codeOf(space.reserve(30 * MiB))));
    expect(answers.filter((answer) => answer === "fine").length).toBeLessThanOrEqual(3);
    expect(space.reservedBytes).toBe(answers.filter((answer) => answer === "fine").length * 30 * MiB);
  });

  test("for an upload of unknown length grows with it, to the last byte of the disk", async () => {
    let used = 0;
    const space = createSpace(async () => 100 * MiB - used);
    const upload = await space.reserve(undefined);
    for (let i = 0; i < 100; i++) {
      await upload.ensure(MiB);
      used += MiB;
      upload.wrote(MiB);
    }
    expect(await codeOf(upload.ensure(1))).toBe("disk-full");
    upload.release();
    expect(space.reservedBytes).toBe(0);
  });

  test("is never promised beyond what there is, and all of it comes back", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.record({ size: fc.option(fc.nat(50), { nil: undefined }), write: fc.nat(60) }), { maxLength: 12 }),
        async (uploads) => {
          let used = 0;
          const space = createSpace(async () => 100 - used);
          await Promise.all(
            uploads.map(async ({ size, write }) => {
              const reservation = await space.reserve(size).catch(() => undefined);
              if (!reservation) return;
              try {
                for (let i = 0; i < write; i++) {
                  await reservation.ensure(1);
                  used++;
                  reservation.wrote(1);
                  expect(used + space.reservedBytes).toBeLessThanOrEqual(100);
                }
              } catch (error) {
                expect(error).toMatchObject({ code: "disk-full" });
              } finally {
                reservation.release();
              }
            }),
          );
          expect(used).toBeLessThanOrEqual(100);
          expect(space.reservedBytes).toBe(0);
        },
      ),
    );
  });
});
