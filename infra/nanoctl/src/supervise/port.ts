/** Small questions to ports and sockets. */

export type Address = { readonly hostname: string; readonly port: number } | { readonly unix: string };

/** Whether somebody accepts connections there. */
export async function answers(address: Address): Promise<boolean> {
  const socket = { data() {} };
  try {
    const connected =
      "unix" in address
        ? await Bun.connect({ unix: address.unix, socket })
        : await Bun.connect({ hostname: connectable(address.hostname), port: address.port, socket });
    connected.end();
    return true;
  } catch {
    return false;
  }
}

/** Whether nobody has the TCP port, so that it can be listened on. */
export function isFree(hostname: string, port: number): boolean {
  try {
    Bun.listen({ hostname, port, socket: { data() {} } }).stop(true);
    return true;
  } catch {
    return false;
  }
}

function connectable(hostname: string): string {
  if (hostname === "0.0.0.0") return "127.0.0.1";
  return hostname === "::" ? "::1" : hostname;
}
