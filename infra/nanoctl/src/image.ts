/** `nanoctl image …`: what can be done with disk images and media from the terminal. */
import { type Verb, verbOf } from "./verb.ts";

const verbs: Readonly<Record<string, () => Promise<Verb>>> = {
  build: async () => (await import("./image-build.ts")).imageBuild,
  download: async () => (await import("./image-download.ts")).downloadImage,
  import: async () => (await import("./image-import.ts")).imageImport,
  list: async () => (await import("./image-list.ts")).imageList,
  sync: async () => (await import("./image-sync.ts")).imageSync,
  upload: async () => (await import("./image-upload.ts")).imageUpload,
};

export async function image([verb = "", ...args]: readonly string[]): Promise<void> {
  await (await verbOf("image", verb, verbs))(args);
}
