/** What can be done with an instance: one table for the buttons, the questions and the routes. */
import { allows, type Instance, type InstanceAction } from "@nano/contract";
import type { Visit, ZoneOperation } from "../http/visit.ts";
import { to } from "../paths.ts";
import type { ChineseKey } from "../text/chinese.ts";
import type { Command } from "../view/command.tsx";
import { Icon, type IconName } from "../view/icons.tsx";
import { ActionButton, ConfirmLink, DisabledButton, LinkButton } from "../view/parts.tsx";
import { whyNoClone } from "./clone.tsx";
import { ExportButton } from "./export.tsx";
import { MediaButtons } from "./media.tsx";
import { whyNoModify } from "./modify.tsx";
import { whyNoReset } from "./reset.tsx";
import { whyNoStart } from "./start.tsx";

export interface ActionText {
  readonly operation: ZoneOperation;
  readonly force?: true;
  readonly label: ChineseKey;
  readonly icon: IconName;
  readonly done: ChineseKey;
  readonly danger?: true;
  /** Asked before it is done. */
  readonly question?: {
    readonly title: ChineseKey;
    readonly button: ChineseKey;
    readonly losses: readonly ChineseKey[];
  };
}

export type Verb = Extract<
  InstanceAction,
  "start" | "stop" | "reboot" | "pause" | "resume" | "force-stop" | "force-reboot" | "delete" | "forget"
>;

export const actionTexts: Record<Verb, ActionText> = {
  start: { operation: "instance.start", label: "Start", icon: "play", done: "{name} is starting" },
  stop: { operation: "instance.stop", label: "Stop", icon: "power", done: "{name} was asked to shut down" },
  reboot: { operation: "instance.reboot", label: "Reboot", icon: "reboot", done: "{name} was asked to reboot" },
  pause: { operation: "instance.pause", label: "Pause", icon: "pause", done: "{name} is being paused" },
  resume: { operation: "instance.resume", label: "Resume", icon: "play", done: "{name} goes on" },
  "force-stop": {
    operation: "instance.stop",
    force: true,
    label: "Force stop",
    icon: "plug",
    done: "{name} is switched off",
    danger: true,
    question: {
      title: "Force {name} to stop?",
      button: "Pull the plug",
      losses: [
        "Like pulling the plug: what the guest has not written to its disks is lost.",
        "Its file systems may need a check at the next start.",
      ],
    },
  },
  "force-reboot": {
    operation: "instance.reboot",
    force: true,
    label: "Force reboot",
    icon: "reboot",
    done: "{name} is reset",
    danger: true,
    question: {
      title: "Force {name} to reboot?",
      button: "Press the reset button",
      losses: [
        "Like pulling the plug and putting it back: what the guest has not written to its disks is lost.",
        "Its file systems may need a check at the next start.",
      ],
    },
  },
  delete: {
    operation: "instance.delete",
    label: "Delete",
    icon: "trash",
    done: "{name} is being deleted",
    danger: true,
    question: { title: "Delete {name}?", button: "Delete it and its disks", losses: [] },
  },
  forget: {
    operation: "instance.forget",
    label: "Forget",
    icon: "trash",
    done: "{name} was forgotten",
    danger: true,
    question: {
      title: "Forget {name}?",
      button: "Forget it",
      losses: [
        "For a cell that never returns. Its record, its name, its addresses and its room on the cell are free at once.",
        "Nothing is deleted on the cell. It may well be running there.",
        "Should the cell return, what it has is shown on the cell's page: it can be adopted, or removed with its disks.",
      ],
    },
  },
};
export const verbs: readonly Verb[] = [
  "start",
  "stop",
  "reboot",
  "pause",
  "resume",
  "force-stop",
  "force-reboot",
  "delete",
  "forget",
];
export const isVerb = (text: string): text is Verb => Object.hasOwn(actionTexts, text);

export const verbCommand = (verb: Verb, id: string): Command => {
  const { operation, force } = actionTexts[verb];
  return { operation, input: { id, ...(force ? { force } : {}) } };
};

const Verb = ({
  visit,
  instance,
  verb,
  primary,
}: {
  visit: Visit;
  instance: Instance;
  verb: Verb;
  primary: boolean;
}) => {
  const text = actionTexts[verb];
  const look = {
    label: visit.t(text.label),
    icon: text.icon,
    ...(text.danger ? { kind: "danger" as const } : primary ? { kind: "primary" as const } : {}),
  };
  const allowed = allows(instance.state, verb);
  if (allowed !== true)
    return <DisabledButton look={{ label: look.label, icon: look.icon }} why={visit.say(allowed)} />;
  if (!visit.may(text.operation))
    return <DisabledButton look={{ label: look.label, icon: look.icon }} why={visit.t("You may not do this.")} />;
  return text.question ? (
    <ConfirmLink href={to.instanceAction(instance.id, verb)} look={look} />
  ) : (
    <ActionButton action={to.instanceAction(instance.id, verb)} look={look} />
  );
};

const ConsoleButton = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const allowed = allows(instance.state, "console");
  const look = { label: visit.t("Console"), icon: "console" as const };
  return allowed === true ? (
    <LinkButton href={to.console(instance.id)} look={{ ...look, kind: "primary" }} boosted={false} />
  ) : (
    <DisabledButton look={look} why={visit.say(allowed)} />
  );
};

/** To install a system, or to mend the one that is there. */
const StartWithMedia = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const why = whyNoStart(visit, instance);
  const install = { label: visit.t("Start with media…"), icon: "media" as const };
  const rescue = { label: visit.t("Rescue…"), icon: "pulse" as const };
  return why === undefined ? (
    <>
      <LinkButton href={to.instanceStart(instance.id)} look={install} />
      <LinkButton href={to.instanceRescue(instance.id)} look={rescue} />
    </>
  ) : (
    <>
      <DisabledButton look={install} why={why} />
      <DisabledButton look={rescue} why={why} />
    </>
  );
};

const ResetSystem = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const why = whyNoReset(visit, instance);
  const look = { label: visit.t("Reset the system…"), icon: "disk" as const };
  return why === undefined ? (
    <LinkButton href={to.instanceReset(instance.id)} look={{ ...look, kind: "danger" }} />
  ) : (
    <DisabledButton look={look} why={why} />
  );
};

const Modify = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const why = whyNoModify(visit, instance);
  const look = { label: visit.t("Change…"), icon: "settings" as const };
  return why === undefined ? (
    <LinkButton href={to.instanceModify(instance.id)} look={look} />
  ) : (
    <DisabledButton look={look} why={why} />
  );
};

const CloneButton = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const why = whyNoClone(visit, instance);
  const look = { label: visit.t("Clone…"), icon: "copy" as const };
  return why === undefined ? (
    <LinkButton href={to.instanceClone(instance.id)} look={look} />
  ) : (
    <DisabledButton look={look} why={why} />
  );
};

/** The buttons of an instance's page: the likely ones in sight, the hard ones one click away. */
export const InstanceActions = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const startable = allows(instance.state, "start") === true;
  const paused = instance.state === "paused";
  return (
    <>
      <ConsoleButton visit={visit} instance={instance} />
      {paused ? <Verb visit={visit} instance={instance} verb="resume" primary /> : null}
      {startable ? (
        <Verb visit={visit} instance={instance} verb="start" primary />
      ) : (
        <>
          <Verb visit={visit} instance={instance} verb="stop" primary={false} />
          <Verb visit={visit} instance={instance} verb="reboot" primary={false} />
        </>
      )}
      <Modify visit={visit} instance={instance} />
      <details class="menu" id="more-actions">
        <summary class="button button-plain" aria-label={visit.t("More actions")}>
          <span safe>{visit.t("More")}</span>
          <Icon name="down" />
        </summary>
        <div class="menu-body menu-actions">
          {startable ? (
            <>
              <Verb visit={visit} instance={instance} verb="stop" primary={false} />
              <Verb visit={visit} instance={instance} verb="reboot" primary={false} />
            </>
          ) : (
            <Verb visit={visit} instance={instance} verb="start" primary={false} />
          )}
          {paused ? null : <Verb visit={visit} instance={instance} verb="pause" primary={false} />}
          <StartWithMedia visit={visit} instance={instance} />
          <MediaButtons visit={visit} instance={instance} back={to.instance(instance.id)} />
          <ExportButton visit={visit} instance={instance} disk="system" />
          <CloneButton visit={visit} instance={instance} />
          <hr />
          <Verb visit={visit} instance={instance} verb="force-stop" primary={false} />
          <Verb visit={visit} instance={instance} verb="force-reboot" primary={false} />
          <ResetSystem visit={visit} instance={instance} />
          <Verb visit={visit} instance={instance} verb="delete" primary={false} />
          <Verb visit={visit} instance={instance} verb="forget" primary={false} />
        </div>
      </details>
    </>
  );
};
