/**
 * Ways into an instance: its VNC server for viewers of one's own, and a new password inside. Secrets are shown when
 * asked for, never on the way.
 */
import { guestPasswordBounds, type Instance } from "@nano/contract";
import type { Visit } from "../../http/visit.ts";
import { to } from "../../paths.ts";
import { noProblems, TextField } from "../../view/fields.tsx";
import { DisabledButton, Panel, SubmitButton } from "../../view/parts.tsx";
import { obstacle } from "../obstacle.ts";
import type { Tab } from "./tab.ts";

const Display = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const { t } = visit;
  const why = obstacle(visit, instance, "console", "instance.display");
  const look = { label: t("Show address and password"), icon: "eye" as const };
  return (
    <Panel title={t("VNC")}>
      <p class="quiet" safe>
        {t("For a VNC viewer of your own. The console in this portal needs none of it.")}
      </p>
      {why === undefined ? (
        <form method="post" action={to.instanceDisplay(instance.id)}>
          <SubmitButton look={look} />
        </form>
      ) : (
        <DisabledButton look={look} why={why} />
      )}
    </Panel>
  );
};

const Password = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const { t } = visit;
  const agent = instance.agent ? undefined : t("No guest agent answers inside: install qemu-guest-agent.");
  const why = obstacle(visit, instance, "set-password", "instance.set-password") ?? agent;
  const look = { label: t("Set the password"), kind: "primary" as const };
  return (
    <Panel title={t("Password in the guest")}>
      <p class="quiet" safe>
        {instance.agent ? t("Its guest agent answers.") : t("No guest agent answers inside.")}
      </p>
      <form method="post" action={to.instancePassword(instance.id)} class="form" autocomplete="off">
        <TextField
          visit={visit}
          name="user"
          label={t("Account")}
          value={instance.cloudInit?.user ?? (instance.hardware.system === "windows" ? "administrator" : "root")}
          maxlength={32}
          problems={noProblems}
        />
        <TextField
          visit={visit}
          name="guestPassword"
          type="password"
          label={t("New password")}
          hint={t("Left empty, one is generated and shown once.")}
          value=""
          maxlength={guestPasswordBounds.maxLength}
          autocomplete="new-password"
          problems={noProblems}
        />
        {why === undefined ? <SubmitButton look={look} /> : <DisabledButton look={{ label: look.label }} why={why} />}
      </form>
    </Panel>
  );
};

export const accessTab: Tab = {
  name: "access",
  text: "Access",
  render: async (visit, instance) => (
    <div class="columns">
      <Display visit={visit} instance={instance} />
      <Password visit={visit} instance={instance} />
    </div>
  ),
  commands: ({ id }) => [
    { operation: "instance.display", input: { id } },
    { operation: "instance.renew-display", input: { id } },
    { operation: "instance.set-password", input: { id } },
  ],
};
