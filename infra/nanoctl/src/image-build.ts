/**
 * `nanoctl image build debian-12`: builds a real Debian with cloud-init from Debian's packages, and puts it into the
 * zone's image store under that name, so that a person without an image has one. With `--output` it becomes a file, and
 * no zone is needed. `nanoctl image build FILE.toml` cooks a recipe of one's own (see recipe/recipe.ts).
 */
import type { Bus } from "@nano/bus";
import { decode, type Image, Sha256Schema, type Visibility } from "@nano/contract";
import { whyFailed } from "@nano/http";
import { paths, readSettings, type Settings } from "./config.ts";
import { type BuiltDisk, buildDebian, type Step } from "./debian/build.ts";
import { asOperator, unlessRefused } from "./health.ts";
import { visibilityOf } from "./image-fields.ts";
import { withStore } from "./image-store.ts";
import { copyTo, destinationOf, type Speech, speechBeside } from "./output.ts";
import { Problem, words } from "./problem.ts";
import { cook } from "./recipe/build.ts";
import { readRecipe } from "./recipe/recipe.ts";
import { readArguments } from "./terminal/arguments.ts";
import { mebibytes, seconds } from "./terminal/table.ts";

const known = "debian-12";

const options = {
  output: { type: "string" },
  force: { type: "boolean" },
  rebuild: { type: "boolean" },
  keep: { type: "boolean" },
  visibility: { type: "string" },
} as const;

export async function imageBuild(args: readonly string[]): Promise<void> {
  const { values, positionals } = readArguments("image build", args, options, 1);
  const [name] = positionals;
  const { output, rebuild = false, force } = values;
  const remedy = `There are: ./nanoctl image build ${known}, and recipes of your own: ./nanoctl image build FILE.toml`;
  const visibility = visibilityOf(values.visibility);
  if (name === undefined) throw new Problem("image build takes what to build", remedy);
  if (name.endsWith(".toml")) {
    if (output !== undefined)
      throw new Problem(
        "an image by a recipe is made in the image store: --output is not for it",
        "Build it, then run ./nanoctl image download NAME --output FILE.",
      );
    return await cookFile(name, { keep: values.keep === true, visibility });
  }
  if (name !== known) throw new Problem(`there is no recipe for an image "${name}"`, remedy);
  const cache = paths(readSettings()).cache;
  // Both before the work: it would be for nothing.
  if (output !== undefined) {
    const destination = await destinationOf(output, { replace: force });
    const speech = speechBeside(destination.kind);
    const built = await build(cache, rebuild, speech);
    await copyTo(built.path, destination);
    speech.write(`${destination.path}\nSHA-256 ${built.sha256}\n`);
    return;
  }
  const speech = speechBeside("file");
  await withStore((zone, bus) =>
    build(cache, rebuild, speech).then((built) => store(zone, bus, { name, visibility }, built)),
  );
}

async function cookFile(path: string, how: { keep: boolean; visibility: Visibility }): Promise<void> {
  const text = await Bun.file(path)
    .text()
    .catch((thrown) => {
      throw new Problem(`the recipe ${path} cannot be read: ${words(thrown)}`, "Name a file that exists.");
    });
  const recipe = readRecipe(text);
  await withStore(async (settings, bus) => {
    say(`Cooking ${recipe.name} by ${path}:\n`);
    const id = await cook(recipe, { bus, step, ...how });
    say(`\nIt is in the image store as ${recipe.name}: ${settings.urls.web}/images/${id}`);
  });
}

async function build(cache: string, rebuild: boolean, speech: Speech): Promise<BuiltDisk> {
  speech.write("Building Debian 12 from its packages; a few minutes the first time:\n\n");
  const began = performance.now();
  const built = await buildDebian(cache, stepsIn(speech), rebuild);
  const size = mebibytes(Bun.file(built.path).size);
  const origin = built.fresh
    ? `built in ${seconds(performance.now() - began)}`
    : "built before; --rebuild makes it anew";
  speech.write(`\nDebian 12: ${size} qcow2, ${origin}\n`);
  return built;
}

const named = async (bus: Bus, name: string): Promise<Image | undefined> => {
  const { items } = await bus.call("image.list", { search: name, limit: 500 }, asOperator);
  return items.find((one) => one.name === name);
};

async function store(
  settings: Settings,
  bus: Bus,
  { name, visibility }: { name: string; visibility: Visibility },
  built: BuiltDisk,
): Promise<void> {
  const there = await named(bus, name);
  if (there?.state === "ready" && there.sha256 === built.sha256) {
    say(`It is in the image store already: ${settings.urls.web}/images/${there.id}`);
    return;
  }
  if (there?.state === "ready")
    throw new Problem(
      `the image store has another ${name}`,
      `Delete or rename it first (${settings.urls.web}/images/${there.id}), or use --output FILE. Instances made from it go on.`,
    );
  // What an upload that was cut off left.
  if (there) await unlessRefused("image-not-found", bus.call("image.delete", { id: there.id }, asOperator));
  const id = await step("upload it", async () => {
    const sha256 = decode(Sha256Schema, built.sha256, "reading the image's checksum");
    const description = "Debian 12 with cloud-init, qemu-guest-agent and OpenSSH, built by nanoctl";
    const { image: begun, upload } = await bus.call(
      "image.create",
      { name, sha256, description, visibility },
      asOperator,
    );
    try {
      const answer = await fetch(upload.url, {
        method: "PUT",
        headers: { authorization: `Bearer ${upload.ticket}` },
        body: Bun.file(built.path),
      }).catch((cause) => {
        throw new Problem(`the image service at ${upload.url} does not take the file: ${whyFailed(cause)}`, undefined, {
          cause,
        });
      });
      if (!answer.ok) throw new Problem(`the image service refused the upload (${answer.status})`, await answer.text());
      const stored = await bus.call("image.get", { id: begun.id }, asOperator);
      if (stored.state !== "ready") throw new Problem(`the uploaded image is ${stored.state}, not ready`);
    } catch (thrown) {
      await unlessRefused("image-not-found", bus.call("image.delete", { id: begun.id }, asOperator)).catch(
        () => undefined,
      );
      throw thrown;
    }
    return begun.id;
  });
  say(`It is in the image store as ${name}: ${settings.urls.web}/images/${id}`);
}

const stepsIn =
  ({ write }: Speech): Step =>
  async (title, work) => {
    write(`  ${title.padEnd(44)}`);
    const began = performance.now();
    const result = await work();
    write(`${seconds(performance.now() - began).padStart(8)}\n`);
    return result;
  };
const step = stepsIn(speechBeside("file"));

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
