/**
 * Scripts, styles and noVNC, all served by us. The address of each holds a hash of its content (or its package's
 * version), so browsers may keep it for ever; the set is fixed when the portal starts, so no address can reach any
 * other file.
 */
import { readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { brotliCompressSync, constants } from "node:zlib";
import { accepts } from "./compress.ts";

interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** As it is sent to who takes it, the smallest first; made once, when the portal starts. */
  readonly encoded: readonly { readonly encoding: string; readonly bytes: Uint8Array<ArrayBuffer> }[];
  readonly type: string;
}

const types: Readonly<Record<string, string>> = {
  css: "text/css; charset=utf-8",
  js: "text/javascript; charset=utf-8",
  mjs: "text/javascript; charset=utf-8",
  svg: "image/svg+xml",
};
const typeOf = (name: string): string => types[name.slice(name.lastIndexOf(".") + 1)] ?? "application/octet-stream";

const packageDirectory = (name: string): string => dirname(Bun.resolveSync(`${name}/package.json`, import.meta.dir));
const ours = join(import.meta.dir, "../../public");
const htmx = join(packageDirectory("htmx.org"), "dist");
const xterm = packageDirectory("@xterm/xterm");

/** noVNC is some fifty modules that import each other: one file instead, so that a console needs one request. */
const bundled = async (module: string): Promise<Uint8Array<ArrayBuffer>> => {
  const entry = Bun.resolveSync(module, import.meta.dir);
  const { outputs } = await Bun.build({ entrypoints: [entry], target: "browser", format: "esm", minify: true });
  const [file] = outputs;
  if (!file) throw new Error(`${module} could not be bundled`);
  return new Uint8Array(await file.arrayBuffer());
};
const novncBundle = await bundled("@novnc/novnc");

const sources = {
  "app.css": join(ours, "app.css"),
  "app.js": join(ours, "app.js"),
  "upload.js": join(ours, "upload.js"),
  "resumable.js": join(ours, "resumable.js"),
  "console.js": join(ours, "console.js"),
  "layouts.js": join(ours, "layouts.js"),
  "serial.js": join(ours, "serial.js"),
  "mark.svg": join(ours, "mark.svg"),
  "htmx.js": join(htmx, "htmx.min.js"),
  "hx-sse.js": join(htmx, "ext/hx-sse.min.js"),
  "xterm.js": join(xterm, "lib/xterm.mjs"),
  "xterm.css": join(xterm, "css/xterm.css"),
  "xterm-fit.js": join(packageDirectory("@xterm/addon-fit"), "lib/addon-fit.mjs"),
} as const;
export type AssetName = keyof typeof sources;
const assetNames = Object.keys(sources).filter((name): name is AssetName => Object.hasOwn(sources, name));

const leastBytes = 1_024;
/** The best, 11, takes seconds for a few percent. */
const brotli = { params: { [constants.BROTLI_PARAM_QUALITY]: 9 } };
const assetOf = (name: string, bytes: Uint8Array<ArrayBuffer>): Asset => ({
  bytes,
  encoded:
    bytes.length < leastBytes
      ? []
      : [
          { encoding: "br", bytes: new Uint8Array(brotliCompressSync(bytes, brotli)) },
          { encoding: "gzip", bytes: Bun.gzipSync(bytes) },
        ],
  type: typeOf(name),
});

const hashed = (name: string, bytes: Uint8Array): string => {
  const dot = name.lastIndexOf(".");
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex").slice(0, 12);
  return `/assets/${name.slice(0, dot)}.${hash}${name.slice(dot)}`;
};

const build = () => {
  const files = new Map<string, Asset>();
  const addresses = new Map<string, string>();
  for (const name of assetNames) {
    const asset = assetOf(sources[name], new Uint8Array(readFileSync(sources[name])));
    const address = hashed(name, asset.bytes);
    files.set(address, asset);
    addresses.set(name, address);
  }
  const novncModule = hashed("novnc.js", novncBundle);
  files.set(novncModule, assetOf("novnc.js", novncBundle));
  return { files, addresses, novncModule };
};
const assets = build();

export const assetPath = (name: AssetName): string => assets.addresses.get(name) ?? "";
export const novncModule = assets.novncModule;

/** The answer to `/assets/…`, or `undefined` for what is not one of ours. */
export const serveAsset = (request: Request, path: string): Response | undefined => {
  const asset = assets.files.get(path);
  if (!asset) return undefined;
  const accepted = request.headers.get("accept-encoding") ?? "";
  const chosen = asset.encoded.find(({ encoding }) => accepts(accepted, encoding));
  return new Response(chosen?.bytes ?? asset.bytes, {
    headers: {
      "Content-Type": asset.type,
      "Cache-Control": "public, max-age=31536000, immutable",
      Vary: "Accept-Encoding",
      ...(chosen ? { "Content-Encoding": chosen.encoding } : {}),
    },
  });
};
