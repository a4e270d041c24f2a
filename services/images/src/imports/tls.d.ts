/** Node's function (22.15), which Bun has and its types do not yet. */
export {};

declare module "tls" {
  /** PEM, one certificate each. */
  export function getCACertificates(store: "bundled" | "system" | "extra"): string[];
}
