/** Changing an instance: a form on what it is, and what of it waits for its next start. */
import { escapeHtml } from "@kitajs/html";
import { allows, type Instance, limits, type NanoError, type PendingSetting } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { CommandBody } from "../view/command.tsx";
import { Check, fieldsOf, NumberField, noProblems, type Problems, TextArea, TextField } from "../view/fields.tsx";
import { EnterPresses, Folded, Key } from "../view/form.tsx";
import { page } from "../view/layout.tsx";
import { DisabledButton, ErrorNotice, LinkButton, Notice, PageHead, Panel, SubmitButton } from "../view/parts.tsx";
import { ProblemSummary } from "../view/problem-summary.tsx";
import { pendingTexts, runningText } from "./hardware-text.ts";
import {
  changedMeanwhile,
  changesBetween,
  formOn,
  type ModifyField,
  type ModifyForm,
  remember,
  type Typed,
} from "./modify-input.ts";
import {
  corePresets,
  HardwareFields,
  hardwareLabels,
  LimitFields,
  limitLabels,
  memoryPresets,
  RestartField,
  TagsField,
} from "./settings-fields.tsx";

/** Why it cannot be changed now. */
export const whyNoModify = (visit: Visit, instance: Instance): string | undefined => {
  const allowed = allows(instance.state, "modify");
  if (allowed !== true) return visit.say(allowed);
  return visit.may("instance.modify") ? undefined : visit.t("You may not do this.");
};

const labels: Readonly<Partial<Record<ModifyField, ChineseKey>>> = {
  name: "Name",
  description: "Description",
  owner: "Owner",
  cores: "Cores",
  memoryMiB: "Memory",
  autostart: "Autostart",
  tags: "Tags",
  restart: "If it crashes",
  ...hardwareLabels,
  ...limitLabels,
};

export interface ModifyOutcome {
  readonly error?: NanoError;
  readonly problems?: Problems;
  /** What was typed on an older state of it. */
  readonly conflict?: Typed;
}

const Conflict = ({ visit, instance, typed }: { visit: Visit; instance: Instance; typed: Typed }) => {
  const { t } = visit;
  const now = formOn(instance);
  const fields = changedMeanwhile(typed, now).filter((field) => labels[field] !== undefined);
  const shown = (text: string) => (text === "" ? "–" : text);
  return (
    <Notice tone="warn">
      <p>
        <b safe>{t("Somebody else changed {name} meanwhile.", { name: instance.name })}</b>
      </p>
      <p safe>
        {t("Nothing was saved. What you changed is kept below, on what it is now: save again if it still fits.")}
      </p>
      {fields.length > 0 ? (
        <table class="table">
          <thead>
            <tr>
              <th safe>{t("What")}</th>
              <th safe>{t("Was")}</th>
              <th safe>{t("Is now")}</th>
              <th safe>{t("Yours")}</th>
            </tr>
          </thead>
          <tbody>
            {fields.map((field) => (
              <tr>
                <th scope="row" safe>
                  {t(labels[field] ?? "What")}
                </th>
                <td safe>{shown(typed.was[field])}</td>
                <td safe>{shown(now[field])}</td>
                <td safe>{typed.typed[field] === typed.was[field] ? t("unchanged") : shown(typed.typed[field])}</td>
              </tr>
            ))}
          </tbody>
        </table>
      ) : null}
    </Notice>
  );
};

/** Said at what a running guest does not have yet. */
const Waiting = ({ visit, instance, of }: { visit: Visit; instance: Instance; of: readonly PendingSetting[] }) => {
  const { t } = visit;
  const waits = of.filter((setting) => instance.pending.includes(setting));
  if (waits.length === 0) return "";
  return (
    <Notice tone="info">
      {waits.map((setting) => (
        <p safe>
          {t("{setting}: as shown from its next start on. Until then it runs with {value}.", {
            setting: t(pendingTexts[setting]),
            value: runningText(visit, instance, setting),
          })}
        </p>
      ))}
    </Notice>
  );
};

/** The part that shows it as a command; asked for again as the form changes. */
export const ModifyCommand = ({ visit, instance, form }: { visit: Visit; instance: Instance; form: ModifyForm }) => {
  const changes = changesBetween(formOn(instance), form);
  const { id, revision } = instance;
  return (
    <div
      id="modify-command"
      hx-post={to.instanceModifyCommand(id)}
      hx-trigger="input from:'closest form' delay:300ms, change from:'closest form' delay:300ms"
      hx-swap="outerMorph"
    >
      <CommandBody visit={visit} commands={[{ operation: "instance.modify", input: { id, ...changes, revision } }]} />
    </div>
  );
};

export const modifyPage = (
  visit: Visit,
  instance: Instance,
  form: ModifyForm,
  { error, problems = noProblems, conflict }: ModifyOutcome = {},
): Promise<Response> => {
  const { t } = visit;
  const { id, name } = instance;
  const field = fieldsOf(visit, problems);
  const common = { visit, form, problems };
  const why = whyNoModify(visit, instance);
  const look = { label: t("Save"), icon: "check" as const };
  const running = instance.state === "running" || instance.state === "paused";
  return page(
    visit,
    {
      title: t("Change {name}", { name }),
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: name, path: to.instance(id) },
        { text: t("Change") },
      ],
      status: error?.status ?? 200,
    },
    <>
      <PageHead
        title={t("Change {name}", { name })}
        lead={
          running
            ? t(
                "Running: limits and added cores or memory apply now if the guest supports it, the rest at the next start.",
              )
            : t("It has all of it at its next start.")
        }
      />
      {conflict ? <Conflict visit={visit} instance={instance} typed={conflict} /> : null}
      {error && !conflict && problems.size === 0 ? <ErrorNotice visit={visit} error={error} /> : null}
      <ProblemSummary visit={visit} problems={problems} />
      <form method="post" action={to.instanceModify(id)} class="create">
        <Key />
        <input type="hidden" name="revision" value={String(instance.revision)} />
        <input type="hidden" name="was" value={escapeHtml(remember(formOn(instance)))} />
        <EnterPresses label={t("Save")} />
        <div class="create-main">
          <Panel title={t("Identity")}>
            <div class="form">
              <TextField
                {...field("name")}
                label={t("Name")}
                hint={t("Letters, digits and '-'. Its name in the network, too.")}
                value={form.name}
                required
                maxlength={63}
              />
              <TextArea {...field("description")} label={t("Description")} value={form.description} maxlength={1024} />
              <TagsField {...common} />
              {visit.mayAll ? (
                <TextField {...field("owner")} label={t("Owner")} value={form.owner} required maxlength={128} />
              ) : null}
            </div>
          </Panel>
          <Panel title={t("Size")}>
            <div class="form">
              <Waiting visit={visit} instance={instance} of={["cores", "memoryMiB"]} />
              <NumberField
                {...field("cores")}
                label={t("Cores")}
                unit={t("cores")}
                value={form.cores}
                {...limits.cores}
                presets={corePresets}
              />
              <NumberField
                {...field("memoryMiB")}
                label={t("Memory")}
                unit="MiB"
                value={form.memoryMiB}
                {...limits.memoryMiB}
                presets={memoryPresets}
              />
              <p class="quiet">
                <a href={to.instance(id, "disks")} safe>
                  {t("Its disks are changed on their own page.")}
                </a>
              </p>
            </div>
          </Panel>
          <Panel title={t("Starting")}>
            <div class="form">
              <Check
                name="autostart"
                label={t("Start it whenever its cell's host starts")}
                checked={form.autostart !== ""}
              />
              <RestartField {...common} />
            </div>
          </Panel>
          <Panel title={t("Limits")}>
            <Waiting visit={visit} instance={instance} of={["qos"]} />
            <LimitFields {...common} />
          </Panel>
          <Panel title={t("Hardware")}>
            <Waiting visit={visit} instance={instance} of={["hardware"]} />
            <HardwareFields {...common} />
            <p class="field-hint" safe>
              {t("A guest may need other drivers for other hardware. Change one thing at a time.")}
            </p>
          </Panel>
        </div>
        <aside class="create-side">
          <Panel class="create-actions">
            {why === undefined ? (
              <SubmitButton look={{ ...look, kind: "primary" }} />
            ) : (
              <DisabledButton look={look} why={why} />
            )}
            <LinkButton href={to.instance(id)} look={{ label: t("Cancel") }} />
            <p class="quiet" safe>
              {t("Only what you changed is sent, and only if nobody changed it meanwhile.")}
            </p>
          </Panel>
          <Folded icon="code" title={t("Show as command")}>
            <ModifyCommand visit={visit} instance={instance} form={form} />
          </Folded>
        </aside>
      </form>
    </>,
  );
};
