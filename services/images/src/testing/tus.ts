/** Raw tus requests, each header as it was asked for. */
export interface Target {
  readonly url: string;
  readonly ticket: string;
}
type Headers = Readonly<Record<string, string>>;

export const tus = (target: Target, method: string, headers: Headers = {}, body?: NonNullable<RequestInit["body"]>) =>
  fetch(target.url, {
    method,
    headers: { authorization: `Bearer ${target.ticket}`, "tus-resumable": "1.0.0", ...headers },
    ...(body === undefined ? {} : { body }),
  });

export const patchHeaders = (offset: number): Record<string, string> => ({
  "content-type": "application/offset+octet-stream",
  "upload-offset": String(offset),
});

export const patch = (target: Target, offset: number, bytes: Uint8Array, headers: Headers = {}) =>
  tus(target, "PATCH", { ...patchHeaders(offset), ...headers }, new Uint8Array(bytes));

/** How much has arrived, as the service says; undefined when it says nothing. */
export const offsetOf = async (target: Target): Promise<number | undefined> => {
  const response = await tus(target, "HEAD");
  const text = response.headers.get("upload-offset");
  return text === null ? undefined : Number(text);
};
