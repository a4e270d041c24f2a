/**
 * A recipe for an image: a base image with cloud-init, and what cloud-init does with it. Nothing in it knows a
 * distribution: whatever boots with cloud-init can be a base. A TOML file:
 *
 *     name = "web"
 *     description = "nginx on Debian 12"
 *     base = "debian-12"                 # the name of an image in the store, or …
 *     # url = "https://images.example/cloud.qcow2"   # … where to fetch one, with …
 *     # sha256 = "…"                                 # … its checksum
 *     user_data = """
 *     #cloud-config
 *     packages: [nginx]
 *     """
 *
 * and, if the defaults do not fit: `tags`, `cores` (1), `memory_mib` (1024), `disk_gib` (what the base needs),
 * `minutes` (30, for all of it), `pool` (default), `clean` (true: what must differ between instances is removed at the
 * end).
 */
import {
  Closed,
  Description,
  decode,
  ImageTags,
  Label,
  PoolNameSchema,
  type Sha256,
  Sha256Schema,
  type Static,
  Type,
} from "@nano/contract";
import { Problem, words } from "../problem.ts";

const Written = Closed({
  name: Label,
  description: Type.Optional(Description),
  tags: Type.Optional(ImageTags),
  base: Type.Optional(Label),
  url: Type.Optional(Type.String({ maxLength: 2_048 })),
  sha256: Type.Optional(Sha256Schema),
  user_data: Type.String({ minLength: 1, maxLength: 60_000 }),
  cores: Type.Optional(Type.Integer({ minimum: 1, maximum: 64 })),
  memory_mib: Type.Optional(Type.Integer({ minimum: 128 })),
  disk_gib: Type.Optional(Type.Integer({ minimum: 1 })),
  minutes: Type.Optional(Type.Integer({ minimum: 1, maximum: 24 * 60 })),
  pool: Type.Optional(PoolNameSchema),
  clean: Type.Optional(Type.Boolean()),
});
type Written = Static<typeof Written>;

export interface Recipe extends Omit<Written, "user_data" | "base" | "url" | "sha256"> {
  readonly base: { readonly name: string } | { readonly url: string; readonly sha256?: Sha256 };
  /** For cloud-init: what the recipe says, and how the guest ends. */
  readonly userData: string;
}

const example = "See README.md, or begin with: name, base, user_data.";

/** @param text of the file @throws Problem that says what is wrong with it */
export const readRecipe = (text: string): Recipe => {
  const { base, url, sha256, user_data, ...rest } = written(text);
  if ((base === undefined) === (url === undefined))
    throw new Problem("the recipe must say either base or url", "base is the name of an image in the store.");
  const from = base !== undefined ? { name: base } : { url: url ?? "", ...(sha256 ? { sha256 } : {}) };
  return { ...rest, base: from, userData: userDataOf(user_data, rest.clean ?? true) };
};

const written = (text: string): Written => {
  try {
    return decode(Written, Bun.TOML.parse(text), "reading the recipe");
  } catch (thrown) {
    throw new Problem(`the recipe cannot be read: ${words(thrown)}`, example);
  }
};

/** What an image must not hand on: every instance gets its own. */
const cleaning = [
  "cloud-init clean --logs || true",
  "rm -f /etc/ssh/ssh_host_* /var/lib/dbus/machine-id",
  "truncate -s 0 /etc/machine-id",
  "sync",
].join("; ");

/** The guest switches itself off when all is done: that is how its end is seen. */
const userDataOf = (text: string, clean: boolean): string => {
  const trimmed = text.trim();
  if (trimmed.startsWith("#!")) return `${trimmed}\n${clean ? `${cleaning}\n` : ""}poweroff\n`;
  if (!trimmed.startsWith("#cloud-config"))
    throw new Problem("the recipe's user_data is neither a #cloud-config nor a #! script", example);
  const config = parseYaml(trimmed);
  const commands: unknown[] = Array.isArray(config.runcmd) ? config.runcmd : [];
  const whole = {
    ...config,
    runcmd: [...commands, ...(clean ? [["sh", "-c", cleaning]] : [])],
    power_state: { mode: "poweroff", timeout: 120, ...Object(config.power_state) },
  };
  // JSON is YAML.
  return `#cloud-config\n${JSON.stringify(whole, undefined, 1)}\n`;
};

const parseYaml = (text: string): Record<string, unknown> => {
  try {
    const config: unknown = Bun.YAML.parse(text);
    if (config === null) return {};
    if (typeof config === "object" && !Array.isArray(config)) return { ...config };
  } catch (thrown) {
    throw new Problem(`the recipe's user_data is no YAML: ${words(thrown)}`, example);
  }
  throw new Problem("the recipe's user_data is no mapping of cloud-init's modules", example);
};
