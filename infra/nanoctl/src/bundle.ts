/**
 * The programs of a zone (the supervisor, the services, the simulator), bundled and minified: an idle service takes a
 * quarter less memory than from its sources, and starts sooner. See docs/adr/0007-bundles.md.
 *
 *   sources ─▶ key = hash of all that goes in ─▶ data/bundle/<key>/<path of the source>.js, data/bundle/current ─▶
 *   <key>
 *
 * The bundle belongs to the checkout, not to a zone. Whatever starts a program asks {@link programOf} for its file: the
 * current bundle's, or the source where there is none. So a bundle that cannot be made costs memory and nothing else.
 */
import { existsSync } from "node:fs";
import { readdir, readlink, rename, rm, stat, symlink } from "node:fs/promises";
import { dirname, join, relative } from "node:path";
import { checkout, serviceNames } from "./config.ts";
import { Problem, words } from "./problem.ts";
import { bundles, sourceOf } from "./supervise/programs.ts";

const programs = [
  "infra/nanoctl/src/supervise/daemon.ts",
  "infra/nanoctl/src/simulation.ts",
  ...serviceNames.map(sourceOf),
];
const current = join(bundles, "current");
/** All that a bundle depends on; node_modules is what bun.lock says. */
const inputs = [
  "{package.json,tsconfig.json,bun.lock}",
  "{packages,services,infra}/*/package.json",
  "{packages,services,infra}/*/src/**/*.{ts,tsx}",
];
/** Zones that still run from an earlier one may yet load a part of it. */
const keptBundles = 4;

/**
 * Makes the bundle of the sources as they are now, unless it is there, and makes it the current one.
 * @param tell what a person should know: that it takes a moment, or that it did not work
 * @throws {Problem} when a bundle of other sources is in the way
 */
export async function ensureBundle(tell: (line: string) => void): Promise<void> {
  try {
    const key = await keyOfSources();
    if (!existsSync(join(bundles, key))) {
      tell("Bundling the services (once for each change of the sources)");
      await build(join(bundles, key));
      await forgetOld();
    }
    await makeCurrent(key);
  } catch (thrown) {
    tell(`The services could not be bundled and run from their sources, which takes more memory:\n${reason(thrown)}`);
    await forgetCurrent();
  }
}

async function makeCurrent(key: string): Promise<void> {
  if ((await readlink(current).catch(() => undefined)) === key) return;
  // Replaced by a rename: there is no moment without one.
  const next = `${current}.${process.pid}`;
  await symlink(key, next);
  await rename(next, current);
}

async function forgetCurrent(): Promise<void> {
  try {
    await rm(current, { force: true });
  } catch (cause) {
    throw new Problem(
      `${relative(checkout, bundles)} holds a bundle of other sources, and this account may not replace it`,
      "Run ./nanoctl up once as the owner of the checkout, or remove that directory.",
      { cause },
    );
  }
}

async function keyOfSources(): Promise<string> {
  const hash = new Bun.CryptoHasher("sha256");
  // A module knows where its source lies, so a checkout that was moved is another one.
  hash.update(`${Bun.version} ${Bun.revision} ${checkout}\n`);
  const found = inputs.map((pattern) => Array.fromAsync(new Bun.Glob(pattern).scan(checkout)));
  const files = (await Promise.all(found)).flat().filter((file) => !/\.test\.tsx?$/.test(file));
  for (const file of files.sort()) {
    const bytes = await Bun.file(join(checkout, file)).bytes();
    hash.update(`${file} ${bytes.length}\n`).update(bytes);
  }
  return hash.digest("hex").slice(0, 16);
}

async function build(place: string): Promise<void> {
  const making = `${place}.${process.pid}`;
  try {
    await Bun.build({
      entrypoints: programs.map((program) => join(checkout, program)),
      root: checkout,
      outdir: making,
      target: "bun",
      // What several programs use is a file of its own, so that `--compact`, which is all of them in one, has it once.
      splitting: true,
      // Names stay as they are, for stack traces. The maps lie beside for whoever needs them: Bun would keep linked
      // ones in memory.
      minify: { whitespace: true, syntax: true },
      sourcemap: "external",
      jsx: { development: false },
      plugins: [{ name: "places", setup: keepPlaces }],
    });
    await rename(making, place);
  } catch (thrown) {
    await rm(making, { recursive: true, force: true });
    // Two commands may have made it at once; the first is as good.
    if (!existsSync(place)) throw thrown;
  }
}

/** A module finds its files (`import.meta.dir`) beside its source, wherever the bundle lies. */
function keepPlaces(builder: Bun.PluginBuilder): void {
  builder.onLoad({ filter: /\/(packages|services|infra)\/[^/]+\/src\/.*\.tsx?$/ }, async ({ path, loader }) => {
    const source = await Bun.file(path).text();
    return { contents: source.replaceAll(/\bimport\.meta\.dir\b/g, () => JSON.stringify(dirname(path))), loader };
  });
}

async function forgetOld(): Promise<void> {
  const names = (await readdir(bundles)).filter((name) => /^[0-9a-f]{16}$/.test(name));
  const aged = await Promise.all(
    names.map(async (name) => ({ name, made: (await stat(join(bundles, name))).mtimeMs })),
  );
  aged.sort((a, b) => b.made - a.made);
  for (const { name } of aged.slice(keptBundles)) await rm(join(bundles, name), { recursive: true, force: true });
}

function reason(thrown: unknown): string {
  // Bun's bundler throws one error for all: each says its file and line.
  if (thrown instanceof AggregateError) return thrown.errors.map((one) => `  ${placeOf(one)}${words(one)}`).join("\n");
  return `  ${words(thrown)}`;
}

function placeOf(thrown: unknown): string {
  if (!(thrown instanceof BuildMessage || thrown instanceof ResolveMessage) || !thrown.position) return "";
  return `${relative(checkout, thrown.position.file)}:${thrown.position.line}: `;
}
