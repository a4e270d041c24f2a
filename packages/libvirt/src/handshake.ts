import type { RpcClient } from "./client.ts";
import { LibvirtError } from "./errors.ts";

/** `remote_auth_type` */
const AuthType = { none: 0, sasl: 1, polkit: 2 } as const;

/** What every new connection says first: authentication if the daemon wants one, then which hypervisor it is about. */
export async function handshake(client: RpcClient, uri: string): Promise<void> {
  const { types } = await client.call("authList", {});
  if (!types.includes(AuthType.none)) {
    if (!types.includes(AuthType.polkit)) {
      throw new LibvirtError(
        "AUTH_UNSUPPORTED",
        `the daemon asks for authentication of types ${types.join(", ")}; only none (0) and polkit (2) are spoken`,
      );
    }
    await client.call("authPolkit", {});
  }
  await client.call("connectOpen", { name: uri, flags: 0 });
}
