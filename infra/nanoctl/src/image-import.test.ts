/** What the commands of the image store take, and how they show what the image service does by itself. */
import { describe, expect, spyOn, test } from "bun:test";
import { type ErrorCode, NanoError, operations } from "@nano/contract";
import { follow } from "./follow.ts";
import { fieldsOf, nameOf } from "./image-fields.ts";
import { followFile } from "./image-import.ts";
import type { StoredFile } from "./image-store.ts";
import { Problem } from "./problem.ts";

const image = operations["image.get"].example.output;
const MiB = 2 ** 20;
type Step = Partial<StoredFile> | ErrorCode;

/** A record that becomes these, one after the other. */
const shelf = (steps: readonly Step[]) => {
  const left = [...steps];
  return {
    async get(): Promise<StoredFile> {
      const step = left.shift() ?? {};
      if (typeof step === "string") throw new NanoError(step, "The image service is away");
      return { ...image, ...step } as StoredFile;
    },
  };
};
const followed = async (steps: readonly Step[]) => {
  let text = "";
  const write = spyOn(process.stdout, "write").mockImplementation((piece) => {
    text += String(piece);
    return true;
  });
  try {
    const file = await followFile(shelf(steps), image, 0);
    return { file, text };
  } finally {
    write.mockRestore();
  }
};
const fetching = (percent: number) =>
  ({ state: "uploading", bytes: percent * MiB, expectedBytes: 100 * MiB }) as Partial<StoredFile>;

test("an import is shown as it is fetched and converted, also over a restart of the service", async () => {
  const { file, text } = await followed([
    { state: "uploading" },
    fetching(0),
    fetching(40),
    "unavailable",
    "deadline-exceeded",
    fetching(100),
    { state: "checking" },
    { state: "checking", progress: 50 },
    { state: "ready" },
  ]);
  expect(file.state).toBe("ready");
  expect(text.split("\n").map((line) => line.replace(/ %.*/, " %"))).toEqual([
    "Fetching    40 %",
    "Fetching   100 %",
    "Converting  50 %",
    "",
  ]);
});

test("one that fails says why and what to do; so does one that somebody deleted", async () => {
  const error = new NanoError("import-failed", "The server answered 404").toBody();
  const failed = followed([fetching(10), { state: "failed", error }]);
  await expect(failed).rejects.toMatchObject({ message: "The server answered 404", remedy: error.remedy });
  await expect(followed([fetching(10), "image-not-found"])).rejects.toThrow("deleted the record");
});

test("a service that stays away is given up, and a refusal at once", async () => {
  let asked = 0;
  const never = follow(
    async () => {
      asked++;
      throw new NanoError("unavailable", "Nobody is there");
    },
    () => true,
    0,
  );
  await expect(never).rejects.toThrow("Nobody is there");
  expect(asked).toBe(120);
  await expect(followed(["forbidden"])).rejects.toThrow(NanoError);
});

describe("what is said of a file", () => {
  test("becomes the contract's words", () => {
    const values = { tag: ["a", "b"], visibility: "group", "minimum-disk": "10GiB", format: "raw", description: "x" };
    const fields = { tags: ["a", "b"], visibility: "group", minimumDiskGiB: 10, format: "raw", description: "x" };
    expect(fieldsOf(values)).toEqual(fields as never);
    // What an operator puts in is for everyone, unless a flag says otherwise.
    expect(fieldsOf({})).toEqual({ visibility: "public" });
    expect(fieldsOf({ visibility: "private" })).toEqual({ visibility: "private" });
  });
  test.each([
    [{ visibility: "everyone" }, "--visibility cannot be"],
    [{ format: "qed" }, "--format cannot be"],
    [{ "minimum-disk": "0" }, "--minimum-disk"],
    [{ "minimum-disk": "ten" }, "--minimum-disk"],
    [{ media: true, format: "raw" }, "no format but its own"],
    [{ media: true, "minimum-disk": "1" }, "no minimum disk"],
  ])("%j is refused", (values, words) => {
    expect(() => fieldsOf(values)).toThrow(words);
    expect(() => fieldsOf(values)).toThrow(Problem);
  });
  test.each([
    ["debian-12-generic-amd64.qcow2", "debian-12-generic-amd64"],
    ["appliance.VMDK", "appliance"],
    ["disk.vhd", "disk"],
    ["debian-12.raw.xz", "debian-12"],
    ["notes.txt", "notes.txt"],
  ])("%s is called %s", (file, name) => {
    expect(nameOf(file)).toBe(name);
  });
});
