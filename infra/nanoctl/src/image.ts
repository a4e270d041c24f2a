/** `nanoctl image …`: what can be done with disk images and media from the terminal. */
import { Problem } from "./problem.ts";

type Verb = (args: readonly string[]) => Promise<void>;

const verbs: Readonly<Record<string, () => Promise<Verb>>> = {
  build: async () => (await import("./image-build.ts")).imageBuild,
  download: async () => (await import("./image-download.ts")).downloadImage,
  list: async () => (await import("./image-list.ts")).imageList,
  upload: async () => (await import("./image-upload.ts")).imageUpload,
};

export async function image([verb = "", ...args]: readonly string[]): Promise<void> {
  const load = verbs[verb];
  if (!load)
    throw new Problem(
      verb === "" ? "image takes what to do" : `image cannot "${verb}"`,
      `There are: ${Object.keys(verbs).join(", ")}. ./nanoctl help shows them.`,
    );
  await (await load())(args);
}
