/** UDP sockets of the exchange. */
import { createSocket, type RemoteInfo, type Socket } from "node:dgram";
import { isIPv4 } from "node:net";

/** Where a zone's cells and its scheduler meet. Several zones share a network by different domains. */
export interface Rendezvous {
  /** 1 to 63 lower-case letters, digits and `-`. */
  readonly domain: string;
  /** IPv4 multicast address. */
  readonly group: string;
  /** UDP port. */
  readonly port: number;
  /** IPv4 address of the interface to use, for example 127.0.0.1; 0.0.0.0 leaves the choice to the system. */
  readonly interface: string;
}

const anyInterface = "0.0.0.0";

export const checkRendezvous = (at: Rendezvous): void => {
  if (!/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/.test(at.domain))
    throw new TypeError(`'${at.domain}' is no domain: 1 to 63 lower-case letters, digits and '-'`);
};

/** Of every attempt anew, like an interface that is not there: whoever listens or joins says why it cannot. */
const requireIPv4 = ({ group, interface: chosen }: Rendezvous): void => {
  if (!isIPv4(group) || !/^(22[4-9]|23\d)\./.test(group))
    throw new TypeError(`'${group}' is no IPv4 multicast group, like 224.0.0.226`);
  if (!isIPv4(chosen))
    throw new TypeError(
      `'${chosen}' is no IPv4 address: the group ${group} needs that of an interface, like 127.0.0.1`,
    );
};

type Receive = (bytes: Buffer, from: RemoteInfo) => void;

/** Resolves when the socket is bound and set up; rejects (and leaves no socket) when the interface is not there. */
const open = (
  socket: Socket,
  bind: { port: number; address: string },
  setUp: () => void,
  receive: Receive,
): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const fail = (error: Error): void => {
      socket.close();
      reject(error);
    };
    socket.once("error", fail);
    socket.on("message", receive);
    socket.bind(bind.port, bind.address, () => {
      try {
        setUp();
      } catch (error) {
        fail(error instanceof Error ? error : new Error(String(error)));
        return;
      }
      socket.off("error", fail);
      resolve(socket);
    });
  });

/** Hears what is sent to the group, beside other listeners of the same port. */
export const openGroupSocket = async (at: Rendezvous, receive: Receive): Promise<Socket> => {
  requireIPv4(at);
  const socket = createSocket({ type: "udp4", reuseAddr: true });
  // Bound to the group's own address, it hears nothing that was sent to this machine's address instead.
  return open(
    socket,
    { port: at.port, address: at.group },
    () => {
      if (at.interface === anyInterface) socket.addMembership(at.group);
      else socket.addMembership(at.group, at.interface);
    },
    receive,
  );
};

/** Sends to the group and hears the answers on a port of its own. */
export const openMemberSocket = async (at: Rendezvous, receive: Receive): Promise<Socket> => {
  requireIPv4(at);
  const socket = createSocket({ type: "udp4" });
  return open(
    socket,
    { port: 0, address: at.interface },
    () => {
      if (at.interface !== anyInterface) socket.setMulticastInterface(at.interface);
      socket.setMulticastLoopback(true);
      // One hop: discovery is for one network.
      socket.setMulticastTTL(1);
    },
    receive,
  );
};
