/** Procedures about virtual networks. Numbers and shapes: libvirt's `src/remote/remote_protocol.x`. */

import { array, flag, int, signedCount, struct, uint } from "../codec.ts";
import { remote } from "./procedure.ts";
import { maybeText, NETWORK_DHCP_LEASES_MAX, networkRef, text, uuid } from "./types.ts";

const network = networkRef;
const flags = uint;

export const networkProcedures = {
  networkLookupByName: remote(46, { name: text }, { network }),
  networkLookupByUuid: remote(47, { uuid }, { network }),
  networkDefineXml: remote(41, { xml: text }, { network }),
  networkCreateXml: remote(40, { xml: text }, { network }),
  networkCreate: remote(39, { network }, {}),
  networkDestroy: remote(42, { network }, {}),
  networkUndefine: remote(49, { network }, {}),
  networkGetXmlDesc: remote(43, { network, flags }, { xml: text }),
  networkGetBridgeName: remote(45, { network }, { bridge: text }),
  networkGetAutostart: remote(44, { network }, { autostart: flag }),
  networkSetAutostart: remote(48, { network, autostart: flag }, {}),
  networkIsActive: remote(152, { network }, { active: flag }),
  networkIsPersistent: remote(153, { network }, { persistent: flag }),
  networkUpdate: remote(291, { network, command: uint, section: uint, parentIndex: int, xml: text, flags }, {}),
  networkGetDhcpLeases: remote(
    341,
    { network, mac: maybeText, needResults: int, flags },
    {
      leases: array(
        struct({
          bridge: text,
          /** Seconds since 1970. */
          expiry: signedCount,
          type: int,
          mac: maybeText,
          iaid: maybeText,
          address: text,
          prefix: uint,
          hostname: maybeText,
          clientId: maybeText,
        }),
        NETWORK_DHCP_LEASES_MAX,
      ),
      ret: uint,
    },
  ),
} as const;
