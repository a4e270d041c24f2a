/** `nanoctl image sync`: takes what an operator copied into the image service's directory into the image store. */
import { visibilityOf } from "./image-fields.ts";
import { followFile } from "./image-import.ts";
import { shelfOf, withStore } from "./image-store.ts";
import { Problem, words } from "./problem.ts";
import { readArguments } from "./terminal/arguments.ts";

const options = { media: { type: "boolean" }, json: { type: "boolean" }, visibility: { type: "string" } } as const;

export async function imageSync(args: readonly string[]): Promise<void> {
  const { values } = readArguments("image sync", args, options);
  const visibility = visibilityOf(values.visibility);
  await withStore(async (settings, bus) => {
    const shelf = shelfOf(settings, bus, values.media === true);
    const synced = await shelf.sync({ visibility });
    const { directory, items } = synced;
    // What becomes of them is in their records: `image list --json`.
    if (values.json) return say(JSON.stringify(synced, undefined, 2));
    if (items.length === 0) {
      say(`There is nothing to take in ${directory}`);
      return;
    }
    let failed = 0;
    const fail = (file: string, why: string, remedy?: string) => {
      failed++;
      say(`${file}: ${why}${remedy ? `\n  ${remedy}` : ""}`);
    };
    for (const { file, id, error } of items) {
      if (id === undefined) fail(file, error?.message ?? "it is not taken", error?.remedy);
      else
        await followFile(shelf, { id }).then(
          (stored) => say(`${file}: stored as ${stored.name}, ${shelf.page(stored)}`),
          (thrown: unknown) => fail(file, words(thrown), thrown instanceof Problem ? thrown.remedy : undefined),
        );
    }
    if (failed > 0) throw new Problem(`${failed} of ${items.length} files of ${directory} were not taken`);
  });
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
