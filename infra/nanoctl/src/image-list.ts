/** `nanoctl image list [--media]`: what is in the image store. */
import { type StoredFile, shelfOf, withStore } from "./image-store.ts";
import { readArguments } from "./terminal/arguments.ts";
import { mebibytes, table } from "./terminal/table.ts";

export async function imageList(args: readonly string[]): Promise<void> {
  const { values } = readArguments("image list", args, { media: { type: "boolean" }, json: { type: "boolean" } });
  const files = await withStore((settings, bus) => shelfOf(settings, bus, values.media === true).list());
  process.stdout.write(values.json ? `${JSON.stringify(files, undefined, 2)}\n` : `${listOf(files)}\n`);
}

const listOf = (files: readonly StoredFile[]): string =>
  files.length === 0
    ? "Nothing is in the image store yet. ./nanoctl image upload FILE puts something there."
    : table([
        ["name", "state", "size", "disk", "tags"],
        ...files.map((file) => [
          file.name,
          stateOf(file),
          mebibytes(file.bytes),
          "virtualBytes" in file && file.virtualBytes ? mebibytes(file.virtualBytes) : "-",
          file.tags.join(" "),
        ]),
      ]);

const stateOf = ({ state, bytes, expectedBytes, error }: StoredFile): string =>
  state === "uploading" && expectedBytes
    ? `uploading ${Math.floor((bytes / expectedBytes) * 100)} %`
    : error
      ? `${state} (${error.code})`
      : state;
