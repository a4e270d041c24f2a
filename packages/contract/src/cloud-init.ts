/**
 * What a guest is told at its first boot (cloud-init, NoCloud): who may log in, its name, its network, its disks. What
 * is asked for, what is kept of it, and what is shown are three things: a password is only ever asked for; kept is its
 * hash; shown is neither.
 */
import { Closed, OneOf, type Static, Type } from "./schema.ts";

export const guestPasswordBounds = { minLength: 8, maxLength: 128 } as const;
export const GuestPassword = Type.String({
  ...guestPasswordBounds,
  pattern: "^[^\\x00-\\x1f\\x7f]*$",
  description: "8 to 128 printable characters",
});
export const GuestUser = Type.String({
  pattern: "^[a-z_][a-z0-9_-]{0,31}$",
  maxLength: 32,
  description: "A Unix account: small letters, digits, '_' and '-', at most 32",
});
/** As it is pasted; `readSshKeys` reads it, and says what is wrong with it. */
const PastedSshKeys = Type.String({
  minLength: 1,
  maxLength: 16_384,
  description: "Public keys as in `authorized_keys`, options included: usually one, or all lines of a file",
});
export const sshKeyLength = 8_192;
/** As it is kept: one line. */
const SshKey = Type.String({ pattern: "^[^\\x00-\\x1f\\x7f]+$", minLength: 32, maxLength: sshKeyLength });
export const sshKeysMax = 32;
const HostName = Type.String({
  pattern: "^[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?(\\.[A-Za-z0-9]([A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*$",
  maxLength: 253,
  description: "A host name, with or without its domain",
});
const DataPath = Type.String({
  pattern: "^(/[A-Za-z0-9._-]{1,64}){1,8}$",
  maxLength: 256,
  description: "Where the first data disk is mounted; the second at `<path>-2`, and so on",
});
const Address = Type.String({
  pattern: "^[0-9A-Fa-f:.]{2,45}$",
  maxLength: 45,
  description: "An IPv4 or IPv6 address",
});

export const GuestNetwork = Closed(
  {
    mode: OneOf(["dhcp", "static"], "`static` needs `address`"),
    address: Type.Optional(
      Type.String({
        pattern: "^[0-9A-Fa-f:.]{2,45}/[0-9]{1,3}$",
        maxLength: 49,
        description: "With its prefix, like 192.0.2.10/24",
      }),
    ),
    gateway: Type.Optional(Address),
    dns: Type.Optional(Type.Array(Address, { maxItems: 4 })),
  },
  { description: "How the guest's network card gets its address; DHCP by default" },
);
export type GuestNetwork = Static<typeof GuestNetwork>;

/** In characters; what a guest reads is a third longer. */
export const userDataMax = 65_536;

export const CloudInitInput = Closed(
  {
    hostname: Type.Optional(HostName),
    user: Type.Optional(GuestUser),
    sshKeys: Type.Optional(Type.Array(PastedSshKeys, { maxItems: sshKeysMax })),
    password: Type.Optional(GuestPassword),
    passwordLogin: Type.Optional(
      Type.Boolean({ description: "With `false` there is no password at all, only keys; true by default" }),
    ),
    rootLogin: Type.Optional(
      Type.Boolean({ description: "Whether root may log in over SSH; by default only if root is the administrator" }),
    ),
    growSystemDisk: Type.Optional(
      Type.Boolean({ description: "Let the root file system grow to the system disk's size; true by default" }),
    ),
    dataPath: Type.Optional(DataPath),
    network: Type.Optional(GuestNetwork),
    userData: Type.Optional(
      Type.String({
        maxLength: userDataMax,
        description:
          "What cloud-init takes: a `#cloud-config` (where it and Nano both say something, it wins), a `#!` script, a Jinja template, a multipart archive, " +
          "`#cloud-config-archive`, `#cloud-boothook`, `#part-handler`, `#include`",
      }),
    ),
  },
  {
    description:
      "For images with cloud-init. The administrator is `user` (root by default). Without `password` one is generated and told in this answer only.",
  },
);
export type CloudInitInput = Static<typeof CloudInitInput>;

/**
 * What is kept of it, by the scheduler and on the seed drive: complete, and with a hash instead of a password. Never
 * shown.
 */
export const CloudInitSettings = Closed({
  hostname: HostName,
  user: GuestUser,
  /** crypt(3) `$6$`; absent: no password. */
  passwordHash: Type.Optional(
    Type.String({ pattern: "^\\$6\\$[./0-9A-Za-z]{1,16}\\$[./0-9A-Za-z]{86}$", maxLength: 106 }),
  ),
  sshKeys: Type.Array(SshKey, { maxItems: sshKeysMax }),
  rootLogin: Type.Boolean(),
  growSystemDisk: Type.Boolean(),
  dataPath: DataPath,
  network: GuestNetwork,
  userData: Type.Optional(Type.String({ maxLength: userDataMax })),
});
export type CloudInitSettings = Static<typeof CloudInitSettings>;

/** What is shown of it, and what a definition says: that there is a seed drive, and which. */
export const CloudInitFacts = Closed(
  {
    user: GuestUser,
    hostname: HostName,
    generation: Type.Integer({
      minimum: 1,
      maximum: 2 ** 31,
      description:
        "Grows when the system is to be set up anew; the guest then takes it for another machine's first boot",
    }),
  },
  { description: "What it was told at its first boot (cloud-init)" },
);
export type CloudInitFacts = Static<typeof CloudInitFacts>;
