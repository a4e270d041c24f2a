/**
 * Scripts, styles and noVNC, all served by us. The address of each holds a hash of its content (or its package's version), so browsers
 * may keep it for ever; the set is fixed when the portal starts, so no address can reach any other file.
 */
import { readdirSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";

interface Asset {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly gzip: Uint8Array<ArrayBuffer> | undefined;
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
// Its only export is core/rfb.js.
const novnc = dirname(dirname(Bun.resolveSync("@novnc/novnc", import.meta.dir)));

const sources = {
  "app.css": join(ours, "app.css"),
  "app.js": join(ours, "app.js"),
  "upload.js": join(ours, "upload.js"),
  "resumable.js": join(ours, "resumable.js"),
  "console.js": join(ours, "console.js"),
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

const load = (file: string): Asset => {
  const bytes = new Uint8Array(readFileSync(file));
  const gzip = bytes.length > 1024 ? Bun.gzipSync(bytes) : undefined;
  return { bytes, gzip, type: typeOf(file) };
};

const hashed = (name: string, bytes: Uint8Array): string => {
  const dot = name.lastIndexOf(".");
  const hash = new Bun.CryptoHasher("sha256").update(bytes).digest("hex").slice(0, 12);
  return `/assets/${name.slice(0, dot)}.${hash}${name.slice(dot)}`;
};

const build = () => {
  const files = new Map<string, Asset>();
  const addresses = new Map<string, string>();
  for (const name of assetNames) {
    const asset = load(sources[name]);
    const address = hashed(name, asset.bytes);
    files.set(address, asset);
    addresses.set(name, address);
  }
  // noVNC's modules import each other by relative paths, so the tree stays as it is, below its version.
  const described: unknown = JSON.parse(readFileSync(join(novnc, "package.json"), "utf8"));
  const version =
    typeof described === "object" && described !== null && "version" in described ? String(described.version) : "0";
  const root = `/assets/novnc-${version}`;
  for (const part of ["core", "vendor"])
    for (const entry of readdirSync(join(novnc, part), { recursive: true, withFileTypes: true }))
      if (entry.isFile() && entry.name.endsWith(".js")) {
        const file = join(entry.parentPath, entry.name);
        files.set(`${root}${file.slice(novnc.length)}`, load(file));
      }
  return { files, addresses, novncModule: `${root}/core/rfb.js` };
};
const assets = build();

export const assetPath = (name: AssetName): string => assets.addresses.get(name) ?? "";
export const novncModule = assets.novncModule;

/** The answer to `/assets/…`, or `undefined` for what is not one of ours. */
export const serveAsset = (request: Request, path: string): Response | undefined => {
  const asset = assets.files.get(path);
  if (!asset) return undefined;
  const zipped = asset.gzip !== undefined && /\bgzip\b/.test(request.headers.get("accept-encoding") ?? "");
  return new Response(zipped ? asset.gzip : asset.bytes, {
    headers: {
      "Content-Type": asset.type,
      "Cache-Control": "public, max-age=31536000, immutable",
      Vary: "Accept-Encoding",
      ...(zipped ? { "Content-Encoding": "gzip" } : {}),
    },
  });
};
