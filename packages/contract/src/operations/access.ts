/**
 * Ways into an instance: its screen for viewers of one's own, and a new password inside. Secrets are in their answers
 * and nowhere else.
 */
import { GuestPassword, GuestUser } from "../cloud-init.ts";
import { operation } from "../operation.ts";
import { Closed, DisplayPassword, Host, InstanceIdSchema, OneOf, Port, Type } from "../schema.ts";
import { ids } from "./examples.ts";

const Display = Closed({
  protocol: OneOf(["vnc"]),
  address: Type.String({ ...Host, description: "Where its VNC server can be reached" }),
  port: Port,
  password: Type.String({ ...DisplayPassword, description: "What it asks for; another one after each start" }),
  reach: OneOf(
    ["cell", "network"],
    "`cell`: only from the cell's own host (by an SSH tunnel, say), which is the default; `network`: from anywhere that reaches the cell",
  ),
});
const errors = ["instance-not-found", "wrong-state", "no-screen", "cell-offline", "hypervisor-failed"] as const;
const example = {
  input: { id: ids.instance },
  output: {
    protocol: "vnc" as const,
    address: "127.0.0.1",
    port: 5_900,
    password: "s3cretpw",
    reach: "cell" as const,
  },
};

export const accessOperations = {
  "instance.display": operation({
    owner: "scheduler",
    summary: "Tell the address, port and password of a running instance's VNC server",
    description: "For a viewer of one's own. The portal's console needs none of it.",
    input: Closed({ id: InstanceIdSchema }),
    output: Display,
    errors,
    requires: "instance.console",
    rest: { method: "GET", path: "/api/v2/instances/{id}/display", status: 200 },
    changes: false,
    events: [],
    example,
  }),
  "instance.renew-display": operation({
    owner: "scheduler",
    summary: "Give a running instance's VNC server a new password",
    description: "8 characters, all that VNC looks at. Who is connected stays connected.",
    input: Closed({ id: InstanceIdSchema }),
    output: Display,
    errors: [...errors, "busy"],
    requires: "instance.console",
    rest: { method: "POST", path: "/api/v2/instances/{id}/display/password", status: 200 },
    changes: true,
    events: [],
    example,
  }),
  "instance.set-password": operation({
    owner: "scheduler",
    summary: "Set an account's password inside a running instance",
    description:
      "Through the guest agent, within 10 s. Without `password` one is generated and told in this answer, never again. Without `user` it is the administrator's.",
    input: Closed({
      id: InstanceIdSchema,
      user: Type.Optional(GuestUser),
      password: Type.Optional(GuestPassword),
    }),
    output: Closed({ user: GuestUser, generatedPassword: Type.Optional(GuestPassword) }),
    errors: [
      "instance-not-found",
      "wrong-state",
      "busy",
      "cell-offline",
      "agent-missing",
      "agent-silent",
      "agent-refused",
      "hypervisor-failed",
    ],
    requires: "instance.operate",
    rest: { method: "PUT", path: "/api/v2/instances/{id}/password", status: 200 },
    changes: true,
    events: [],
    deadlineMs: 20_000,
    example: {
      input: { id: ids.instance, user: "root" },
      output: { user: "root", generatedPassword: "gW7pQ2mXkT4bRz" },
    },
  }),
};
