/** What the gateway answers about people, their sessions and tokens, and consoles. */
import type { Handlers } from "@nano/bus";
import { NanoError, sessionCredential, type Token, timestamp, type UserId } from "@nano/contract";
import { type Cloud, example, now, page, uuid } from "./cloud.ts";

const credentialOf = (secret: string): string => sessionCredential(Bun.hash(secret).toString(16));

/** Of those who may not do everything. */
const permissionsOf: Readonly<Record<string, string[]>> = {
  reader: ["instance.read", "zone.read"],
  porter: ["cell.read", "cell.write", "instance.read"],
};

export const gatewayHandlers = (cloud: Cloud): Handlers<"gateway"> => {
  const session = (name: string, device: string | undefined) => ({
    user: { ...example.user, id: example.user.id satisfies UserId, name },
    session: cloud.logIn(name),
    expiresAt: timestamp(Date.now() + 3_600_000),
    ...(device === undefined ? {} : { device: device || `device.${name}` }),
  });
  return {
    "setup.get": () => ({ needed: cloud.people.size === 0 }),
    "setup.link": () => ({ url: "http://portal.test/setup?secret=right", secret: "right", expiresAt: now() }),
    "setup.create": ({ name, password, secret, device }) => {
      if (cloud.people.size > 0) throw new NanoError("setup-done", "There is an administrator already");
      if (secret !== "right") throw new NanoError("setup-link-invalid", "The setup link is not valid");
      cloud.people.set(name, password);
      return session(name, device);
    },
    "session.create": ({ name, password, device }, { clientAddress }) => {
      cloud.loginsFrom.push(clientAddress);
      cloud.loginsWith.push(device);
      if (cloud.people.get(name) !== password) throw new NanoError("login-failed", "Unknown name or wrong password");
      return session(name, device);
    },
    "session.get": (_, { actor }) => ({
      kind: actor.kind,
      id: actor.id,
      name: actor.name,
      permissions: [...actor.permissions],
    }),
    "session.delete": ({ session: secret }) => {
      if (secret && cloud.sessions.delete(secret))
        void cloud.emit("session.deleted", example.user.id, { credential: credentialOf(secret) });
      return {};
    },
    "session.check": () => ({ valid: true }),
    "session.resolve": ({ secret }) => {
      const name = cloud.sessions.get(secret);
      if (!name) throw new NanoError("unauthenticated", "There is no such session");
      return {
        kind: "user",
        id: example.user.id,
        name,
        credential: credentialOf(secret),
        permissions: permissionsOf[name] ?? ["*"],
        expiresAt: timestamp(Date.now() + 3_600_000),
      };
    },
    "token.list": (input) => page([...cloud.tokens.values()], input),
    "token.create": ({ name }) => {
      const token: Token = { ...example.token, id: uuid<Token["id"]>(), name };
      cloud.tokens.set(token.id, token);
      return { token, secret: "nano_shown-once" };
    },
    "token.delete": ({ id }) => {
      cloud.tokens.delete(id);
      return {};
    },
    "console.create": ({ instance, kind }, context) => {
      cloud.note("console.create", context);
      cloud.one(cloud.instances, instance, "instance-not-found");
      if (kind === "serial")
        return { ticket: "serial-ticket-0123456789abcdef", path: "/console/socket", expiresAt: now() };
      return {
        ticket: "console-ticket-0123456789abcdef",
        path: "/console/socket",
        password: "s3cretpw",
        expiresAt: now(),
      };
    },
  };
};
