import { expect, test } from "bun:test";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { openLocalFile } from "./local-file.ts";

test("what is read is the file, whole; a link, a directory, another length and nothing at all are left to libvirt", async () => {
  const directory = await mkdtemp(join(tmpdir(), "nano-local-file-"));
  try {
    const path = join(directory, "volume");
    const content = crypto.getRandomValues(new Uint8Array(60_000));
    const bytes = Buffer.concat(Array.from({ length: 40 }, () => content));
    await Bun.write(path, bytes);
    await symlink(path, join(directory, "link"));

    const stream = await openLocalFile(path, bytes.length);
    expect(bytes.equals(await new Response(stream).arrayBuffer().then((read) => Buffer.from(read)))).toBe(true);
    for (const other of [join(directory, "link"), directory, join(directory, "none")])
      expect(await openLocalFile(other, bytes.length)).toBeUndefined();
    expect(await openLocalFile(path, bytes.length - 1)).toBeUndefined();

    const reader = (await openLocalFile(path, bytes.length))?.getReader();
    await reader?.read();
    await reader?.cancel();
  } finally {
    await rm(directory, { recursive: true });
  }
});
