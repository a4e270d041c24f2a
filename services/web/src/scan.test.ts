/**
 * Kita does not escape by itself: its scanner is what keeps a forgotten `safe` out. So it must pass on our pages, and
 * must not pass on a bad one.
 */
import { expect, test } from "bun:test";
import { mkdtemp, rm } from "node:fs/promises";
import { join } from "node:path";

const root = join(import.meta.dir, "../../..");
/** @param files those to check; all of the checkout's by default */
const scan = async (...files: string[]): Promise<{ code: number; output: string }> => {
  const process = Bun.spawn(
    [globalThis.process.execPath, "--bun", join(root, "node_modules/.bin/xss-scan"), ...files],
    {
      cwd: root,
      stdout: "pipe",
      stderr: "pipe",
    },
  );
  const [output, errors, code] = await Promise.all([process.stdout.text(), process.stderr.text(), process.exited]);
  return { code, output: output + errors };
};

test("the portal's pages pass the scan", async () => {
  expect(await scan()).toMatchObject({ code: 0 });
}, 240_000);

test("the scan is awake: it refuses a page that shows a name unescaped", async () => {
  // Inside the checkout, so that it finds the same Kita; removed again whatever happens.
  const directory = await mkdtemp(join(root, "services/web/.scan-"));
  try {
    const bad = join(directory, "bad.tsx");
    await Bun.write(bad, "export const Bad = ({ name }: { name: string }) => <b>{name}</b>;\n");
    const { code, output } = await scan(bad);
    expect(output).toContain("K601");
    expect(code).toBe(1);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}, 60_000);
