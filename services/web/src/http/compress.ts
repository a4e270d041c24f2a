/**
 * Pages are compressed on their way out. Not what must not be: streams (they are written piece by piece), what is
 * small, answers to changes, and pages that hold a secret (`no-transform`), whose compressed length would tell of it
 * (BREACH, CVE-2013-3587). Pages hold no token against forged requests that could be guessed so: `Origin` and
 * `SameSite` cookies are that.
 */
const leastBytes = 1_024;

/** Whether `Accept-Encoding` takes it (RFC 9110 §12.5.3): named, and not with a weight of 0. */
export const accepts = (header: string, encoding: string): boolean =>
  header.split(",").some((part) => {
    const [name = "", ...parameters] = part.split(";").map((each) => each.trim().toLowerCase());
    return name === encoding && !parameters.some((each) => /^q=0(\.0*)?$/.test(each));
  });

export const compressed = async (request: Request, response: Response): Promise<Response> => {
  const type = response.headers.get("content-type") ?? "";
  if (request.method !== "GET" || !type.startsWith("text/html") || response.headers.has("content-encoding"))
    return response;
  const { headers, status } = response;
  headers.append("Vary", "Accept-Encoding");
  if (headers.get("cache-control")?.includes("no-transform")) return response;
  if (!accepts(request.headers.get("accept-encoding") ?? "", "gzip")) return response;
  const bytes = new Uint8Array(await response.arrayBuffer());
  if (bytes.length < leastBytes) return new Response(bytes, { status, headers });
  headers.set("Content-Encoding", "gzip");
  headers.delete("Content-Length");
  return new Response(Bun.gzipSync(bytes, { level: 5 }), { status, headers });
};

/** For answers that hold a secret. */
export const secretHeaders = { "Cache-Control": "no-store, no-transform" } as const;
