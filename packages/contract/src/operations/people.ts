import { operation } from "../operation.ts";
import { Token, User } from "../records.ts";
import {
  Closed,
  ConsoleKind,
  DisplayPassword,
  HttpUrl,
  InstanceIdSchema,
  NewLabel,
  Nothing,
  Page,
  Password,
  Permissions,
  pageInput,
  TicketText,
  TimestampSchema,
  TokenIdSchema,
  Type,
  Word,
} from "../schema.ts";
import { at, ids, token, user } from "./examples.ts";

const userName = User.properties.name;
const secret = Type.String({ minLength: 1, maxLength: 256, description: "Secret: shown once, stored only as a hash" });
const device = Type.Optional(
  Type.String({
    maxLength: 128,
    description:
      "A browser that is known for this person: its attempts to log in have a limit of their own. Given to the portal, which keeps it in a cookie",
  }),
);
const Session = Closed({ user: User, session: secret, expiresAt: TimestampSchema, device });
const exampleSession = { user, session: "example-session-secret", expiresAt: at };

export const peopleOperations = {
  "setup.get": operation({
    owner: "gateway",
    summary: "Tell whether the first administrator is still to be created",
    input: Nothing,
    output: Closed({ needed: Type.Boolean() }),
    errors: [],
    requires: "public",
    rest: { method: "GET", path: "/api/v2/setup", status: 200 },
    changes: false,
    events: [],
    example: { input: {}, output: { needed: true } },
  }),
  "setup.link": operation({
    owner: "gateway",
    summary: "Make the one-time link that creates the first administrator",
    description: "A new link replaces the one before. `nanoctl up` and `nanoctl setup-link` print it.",
    input: Nothing,
    output: Closed({
      url: Type.String({ ...HttpUrl, description: "Of the portal's first page" }),
      secret,
      expiresAt: TimestampSchema,
    }),
    errors: ["setup-done"],
    requires: "internal",
    changes: true,
    events: [],
    example: {
      input: {},
      output: {
        url: "http://127.0.0.1:5850/setup?secret=example-setup-secret",
        secret: "example-setup-secret",
        expiresAt: at,
      },
    },
  }),
  "setup.create": operation({
    owner: "gateway",
    summary: "Create the first administrator and log in",
    description: "Works once, on a zone without people, with the secret of the setup link.",
    input: Closed({ name: userName, password: Password, secret, device }),
    output: Session,
    errors: ["setup-done", "setup-link-invalid"],
    requires: "public",
    rest: { method: "POST", path: "/api/v2/setup", status: 201 },
    changes: true,
    events: ["user.created", "session.created"],
    example: {
      input: { name: "admin", password: "correct horse battery", secret: "example-setup-secret" },
      output: exampleSession,
    },
  }),
  "session.create": operation({
    owner: "gateway",
    summary: "Log in",
    description:
      "The same answer for an unknown name and a wrong password; rate-limited. Over REST the session comes as an HttpOnly cookie too.",
    input: Closed({ name: Type.String({ maxLength: 64 }), password: Type.String({ maxLength: 256 }), device }),
    output: Session,
    errors: ["login-failed", "rate-limited"],
    requires: "public",
    rest: { method: "POST", path: "/api/v2/sessions", status: 201 },
    changes: true,
    events: ["session.created"],
    example: { input: { name: "admin", password: "correct horse battery" }, output: exampleSession },
  }),
  "session.get": operation({
    owner: "gateway",
    summary: "Show who I am",
    input: Nothing,
    output: Closed({
      kind: Word,
      id: Word,
      name: Word,
      permissions: Permissions,
    }),
    errors: [],
    requires: "public",
    rest: { method: "GET", path: "/api/v2/session", status: 200 },
    changes: false,
    events: [],
    example: { input: {}, output: { kind: "user", id: ids.user, name: "admin", permissions: ["*"] } },
  }),
  "session.delete": operation({
    owner: "gateway",
    summary: "Log out: end the session or token this request came with",
    description: "Its consoles, event streams and tickets end too.",
    input: Closed({ session: Type.Optional(secret) }),
    output: Nothing,
    errors: [],
    requires: "public",
    rest: { method: "DELETE", path: "/api/v2/session", status: 204 },
    changes: true,
    events: ["session.deleted", "token.deleted"],
    example: { input: {}, output: {} },
  }),
  "session.check": operation({
    owner: "gateway",
    summary: "Tell a service whether a session or token still is",
    input: Closed({ credential: Type.String({ minLength: 1, maxLength: 80 }) }),
    output: Closed({ valid: Type.Boolean() }),
    errors: [],
    requires: "internal",
    changes: false,
    events: [],
    example: { input: { credential: `token:${ids.token}` }, output: { valid: true } },
  }),
  "session.resolve": operation({
    owner: "gateway",
    summary: "Tell a door whose session or bearer token this is",
    input: Closed({ secret }),
    output: Closed({
      kind: Word,
      id: Word,
      name: Word,
      permissions: Permissions,
      credential: Type.Optional(Type.String({ maxLength: 80 })),
      expiresAt: TimestampSchema,
    }),
    errors: ["unauthenticated"],
    requires: "internal",
    changes: false,
    events: [],
    example: {
      input: { secret: "example" },
      output: { kind: "user", id: ids.user, name: "admin", permissions: ["*"], expiresAt: at },
    },
  }),
  "token.list": operation({
    owner: "gateway",
    summary: "List my bearer tokens",
    input: Closed(pageInput),
    output: Page(Token),
    errors: [],
    requires: "token.own",
    rest: { method: "GET", path: "/api/v2/tokens", status: 200 },
    changes: false,
    events: [],
    example: { input: {}, output: { items: [token], total: 1 } },
  }),
  "token.create": operation({
    owner: "gateway",
    summary: "Create a bearer token for scripts",
    description:
      "The secret is shown in this answer and never again. A token can do what its owner can, or less. One that is made with another token can do no more than that " +
      "one, lives no longer, and ends with it.",
    input: Closed({
      name: NewLabel,
      permissions: Type.Optional(
        Type.Array(Type.String({ maxLength: 64 }), {
          maxItems: 64,
          description: "A part of mine; all of them by default",
        }),
      ),
      expiresInDays: Type.Optional(Type.Integer({ minimum: 1, maximum: 3_650, description: "90 by default" })),
    }),
    output: Closed({ token: Token, secret }),
    errors: ["idempotency-key-reused"],
    requires: "token.own",
    rest: { method: "POST", path: "/api/v2/tokens", status: 201 },
    changes: true,
    events: ["token.created"],
    example: { input: { name: "deploy script" }, output: { token, secret: "nano_example" } },
  }),
  "token.delete": operation({
    owner: "gateway",
    summary: "Revoke a bearer token, and those that were made with it",
    description: "With a token: itself, what it made, and tokens that may do no more than it may.",
    input: Closed({ id: TokenIdSchema }),
    output: Nothing,
    errors: ["token-not-found"],
    requires: "token.own",
    rest: { method: "DELETE", path: "/api/v2/tokens/{id}", status: 204 },
    changes: true,
    events: ["token.deleted"],
    example: { input: { id: ids.token }, output: {} },
  }),
  "console.create": operation({
    owner: "gateway",
    summary: "Get a single-use ticket for an instance's console",
    description:
      "Good for 30 s and one connection: open a WebSocket to `path` with the sub-protocols `binary` and `ticket.<ticket>`; it carries RFB (RFC 6143), and " +
      "`password` is what QEMU's VNC asks for. With `kind: serial` it carries the bytes of the serial port instead: one person at a time has it, and who " +
      "comes later is closed with `console-in-use` unless they `takeOver`.",
    input: Closed({
      instance: InstanceIdSchema,
      kind: Type.Optional(ConsoleKind),
      takeOver: Type.Optional(Type.Boolean({ description: "Take the serial console from the person who has it" })),
    }),
    output: Closed({
      ticket: TicketText,
      path: Type.String({ maxLength: 128, description: "Of the WebSocket, at the portal and at the gateway" }),
      password: Type.Optional(DisplayPassword),
      expiresAt: TimestampSchema,
    }),
    errors: ["instance-not-found", "wrong-state", "no-screen", "cell-offline", "hypervisor-failed"],
    requires: "instance.console",
    rest: { method: "POST", path: "/api/v2/consoles", status: 201 },
    changes: true,
    events: [],
    example: {
      input: { instance: ids.instance },
      output: { ticket: "example-ticket", path: "/console/socket", password: "s3cretpw", expiresAt: at },
    },
  }),
};
