import { escapeHtml } from "@kitajs/html";
import { batchMax, type Decision, limits, type NanoError, type Output, type Plan } from "@nano/contract";
import type { Attempt, Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { formatBytes } from "../text/format.ts";
import { CommandBody } from "../view/command.tsx";
import {
  Check,
  fieldsOf,
  hasProblem,
  NumberField,
  noProblems,
  type Option,
  type Problems,
  SelectField,
  TextArea,
  TextField,
} from "../view/fields.tsx";
import { EnterPresses, Folded, Key } from "../view/form.tsx";
import { Icon } from "../view/icons.tsx";
import { page } from "../view/layout.tsx";
import { ErrorNotice, LinkButton, Notice, PageHead, Panel, SubmitButton } from "../view/parts.tsx";
import { ProblemSummary } from "../view/problem-summary.tsx";
import { CloudInitFields } from "./cloud-init.tsx";
import { batchInput, type CreateForm, createInput, isBatch } from "./create-input.ts";
import { DecisionView } from "./decision.tsx";
import {
  corePresets,
  HardwareFields,
  LimitFields,
  memoryPresets,
  RestartField,
  TagsField,
  TemplateField,
} from "./settings-fields.tsx";
import { hardwareFields, qosInput } from "./settings-input.ts";

export interface CreateChoices {
  readonly pools: Attempt<Output<"pool.list">>;
  readonly images: Attempt<Output<"image.list">>;
}
export interface CreateOutcome {
  readonly error?: NanoError;
  readonly problems?: Problems;
  readonly plan?: Plan;
  /** Why no cell could take it. */
  readonly decision?: Decision;
  readonly status?: number;
}

const diskPresets = [10, 20, 50, 100].map((gib) => ({ value: gib, label: `${gib} G` }));

/** With what is known of it: its size, and the words that its owner gave it. */
const imageText = ({ name, virtualBytes, tags }: Output<"image.list">["items"][number]): string =>
  [name, ...(virtualBytes ? [formatBytes(virtualBytes)] : []), ...tags.slice(0, 4)].join(" · ");

const imageOptions = (visit: Visit, choices: CreateChoices): Option[] => [
  ...(choices.images.ok ? choices.images.value.items : []).map((image) => ({
    value: image.id,
    text: imageText(image),
    minimumGiB: image.minimumDiskGiB ?? 1,
  })),
  { value: "", text: visit.t("Blank disk") },
];
const poolOptions = (choices: CreateChoices, chosen: string): Option[] => {
  const names = choices.pools.ok ? choices.pools.value.items.map(({ name }) => name) : [chosen];
  return names.map((name) => ({ value: name, text: name }));
};

const PlanView = ({ visit, plan }: { visit: Visit; plan: Plan }) => {
  const { t } = visit;
  return (
    <Panel class="plan" title={t("Preview")}>
      <p class="plan-where">
        <Icon name="cell" />
        <span>
          <span safe>{t("It would go to")}</span>{" "}
          {plan.cell ? (
            <a href={to.cell(plan.cell.id)} safe>
              {plan.cell.name}
            </a>
          ) : (
            <b safe>{t("no cell")}</b>
          )}
        </span>
      </p>
      <p class="quiet" safe>
        {plan.copyBytes > 0
          ? t("{size} at most are copied to the cell.", { size: formatBytes(plan.copyBytes) })
          : t("Nothing needs to be copied.")}
      </p>
      <ol class="plan-steps">
        {plan.steps.map(({ title }) => (
          <li safe>{visit.say(title)}</li>
        ))}
      </ol>
      {plan.locks.length > 0 ? (
        <p class="quiet" safe>
          {t("Locked meanwhile: {what}", { what: plan.locks.join(", ") })}
        </p>
      ) : null}
      <p class="quiet" safe>
        {t("It is promised its cores, memory and storage at once, and keeps them while it is off.")}
      </p>
      {plan.decision ? <DecisionView visit={visit} decision={plan.decision} compact /> : null}
    </Panel>
  );
};

/** The part of the form that shows it as a command; asked for again as the form changes. */
export const CreateCommand = ({ visit, form }: { visit: Visit; form: CreateForm }) => (
  <div
    id="create-command"
    hx-post={to.instanceCommand}
    hx-trigger="input from:'closest form' delay:300ms, change from:'closest form' delay:300ms"
    hx-swap="outerMorph"
  >
    <CommandBody
      visit={visit}
      commands={[
        isBatch(form)
          ? { operation: "instance.create-batch", input: batchInput(form, true) }
          : { operation: "instance.create", input: createInput(form, true) },
      ]}
    />
  </div>
);

const DataDisks = ({ visit, form, problems }: { visit: Visit; form: CreateForm; problems: Problems }) => {
  const { t } = visit;
  return (
    <div class="disks" id="at-dataDisks">
      {form.dataGiB.map((size, i) => {
        const problem = problems.get(`/dataDisks/${i}/sizeGiB`);
        return (
          <div class={problem ? "field field-bad" : "field"}>
            <label for={`disk-${i}`} safe>
              {t("Data disk {number}", { number: i + 1 })}
            </label>
            <div class="number">
              <span class="input-unit">
                <input
                  id={`disk-${i}`}
                  class="input"
                  type="number"
                  name="dataGiB"
                  value={escapeHtml(size)}
                  min={String(limits.diskGiB.minimum)}
                  max={String(limits.diskGiB.maximum)}
                  required
                  aria-invalid={problem ? "true" : undefined}
                />
                <span class="unit" aria-hidden="true">
                  GiB
                </span>
              </span>
              <button
                type="submit"
                class="icon-button"
                name="edit"
                value={`remove-disk-${i}`}
                formnovalidate
                title={t("Remove this disk")}
                aria-label={t("Remove this disk")}
              >
                <Icon name="cross" />
              </button>
            </div>
            {problem ? (
              <p class="field-problem" safe>
                {visit.say(problem)}
              </p>
            ) : null}
          </div>
        );
      })}
      {problems.has("/dataDisks") ? (
        <p class="field-problem" safe>
          {visit.say(problems.get("/dataDisks") ?? "")}
        </p>
      ) : null}
      {form.dataGiB.length < limits.dataDisks ? (
        <SubmitButton
          look={{ label: t("Add a data disk"), icon: "plus", small: true }}
          name="edit"
          value="add-disk"
          novalidate
        />
      ) : null}
    </div>
  );
};

const Advice = ({ visit, choices }: { visit: Visit; choices: CreateChoices }) => {
  const { t } = visit;
  const room = choices.pools.ok && choices.pools.value.items.some(({ cells }) => cells.online > 0);
  return (
    <>
      {choices.pools.ok && !room ? (
        <Notice tone="warn">
          <p>
            <span safe>{t("No pool has a cell that is online.")}</span>{" "}
            <a href={to.pools} safe>
              {t("Add a cell")}
            </a>
          </p>
        </Notice>
      ) : null}
      {choices.images.ok && choices.images.value.items.length === 0 ? (
        <Notice tone="info">
          <p>
            <span safe>{t("There is no disk image yet: a blank disk can be installed from a medium.")}</span>{" "}
            <a href={to.fileNew("image")} safe>
              {t("Upload an image")}
            </a>
          </p>
        </Notice>
      ) : null}
    </>
  );
};

export const createPage = (
  visit: Visit,
  form: CreateForm,
  choices: CreateChoices,
  outcome: CreateOutcome = {},
): Promise<Response> => {
  const { t } = visit;
  const { error, plan, decision, problems = noProblems } = outcome;
  const { settings } = form;
  const field = fieldsOf(visit, problems);
  return page(
    visit,
    {
      title: t("Create an instance"),
      section: "instances",
      crumbs: [{ text: t("Instances"), path: to.instances }, { text: t("Create") }],
      status: outcome.status ?? 200,
    },
    <>
      <PageHead
        title={t("Create an instance")}
        lead={t("Nano chooses the cell with the lowest weighted load that has room.")}
      />
      <Advice visit={visit} choices={choices} />
      {error && problems.size === 0 ? <ErrorNotice visit={visit} error={error} /> : null}
      <ProblemSummary visit={visit} problems={problems} />
      <form method="post" action={to.instanceNew} class="create">
        <Key value={form.key} />
        <EnterPresses label={t("Create the instance")} />
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
                autofocus={form.name === ""}
              />
              <NumberField
                {...field("count")}
                label={t("How many")}
                hint={t("More than one are named after it with a number: web-1, web-2, …")}
                value={form.count}
                unit=""
                minimum={1}
                maximum={batchMax}
              />
              <TextArea {...field("description")} label={t("Description")} value={form.description} maxlength={1024} />
              <TagsField visit={visit} form={settings} problems={problems} />
              <SelectField
                {...field("pool")}
                label={t("Pool")}
                value={form.pool}
                options={poolOptions(choices, form.pool)}
              />
              {visit.mayAll ? (
                <TextField
                  {...field("owner")}
                  label={t("Owner")}
                  value={form.owner}
                  placeholder={visit.facts.actor.name}
                  maxlength={128}
                />
              ) : null}
            </div>
          </Panel>
          <Panel title={t("Size")}>
            <div class="form">
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
            </div>
          </Panel>
          <Panel title={t("Disks")}>
            <div class="form">
              <SelectField
                {...field("image", "systemDisk/image")}
                label={t("System disk")}
                hint={t("A clone of an image takes milliseconds and only the room of what changes.")}
                value={form.image}
                options={imageOptions(visit, choices)}
              />
              <NumberField
                {...field("systemGiB", "systemDisk/sizeGiB")}
                label={t("Size")}
                unit="GiB"
                value={form.systemGiB}
                {...limits.diskGiB}
                presets={diskPresets}
              />
              <DataDisks visit={visit} form={form} problems={problems} />
            </div>
          </Panel>
          <Panel title={t("Hardware")}>
            <TemplateField visit={visit} value={form.template} problems={problems} />
            <Folded
              id="hardware"
              icon="instance"
              title={t("Other hardware than the template's")}
              open={hardwareFields.some((field) => settings[field] !== "") || hasProblem(problems, "/hardware")}
            >
              <HardwareFields visit={visit} form={settings} problems={problems} free="as the template says" />
            </Folded>
          </Panel>
          <Panel title={t("Guest and limits")}>
            <CloudInitFields visit={visit} form={form.cloudInit} problems={problems} />
            <Folded
              id="limits"
              icon="pulse"
              title={t("Limit what it uses of its host")}
              open={Object.keys(qosInput(settings)).length > 0 || hasProblem(problems, "/qos")}
            >
              <LimitFields visit={visit} form={settings} problems={problems} />
            </Folded>
          </Panel>
          <Panel title={t("Starting")}>
            <div class="form">
              <Check name="start" label={t("Start it once it is created")} checked={form.start} />
              <Check name="autostart" label={t("Start it whenever its cell's host starts")} checked={form.autostart} />
              <RestartField visit={visit} form={settings} problems={problems} />
            </div>
          </Panel>
        </div>
        <aside class="create-side">
          <Panel class="create-actions">
            <SubmitButton look={{ label: t("Create the instance"), kind: "primary", icon: "plus" }} />
            <SubmitButton look={{ label: t("Preview"), icon: "eye" }} name="edit" value="preview" />
            <LinkButton href={to.instances} look={{ label: t("Cancel") }} />
            <p class="quiet" safe>
              {t("The preview asks where it would go and why, and changes nothing.")}
            </p>
          </Panel>
          {plan ? <PlanView visit={visit} plan={plan} /> : null}
          {decision ? (
            <Panel class="plan" title={t("Why nowhere?")}>
              <DecisionView visit={visit} decision={decision} compact />
            </Panel>
          ) : null}
          <Folded icon="code" title={t("Show as command")}>
            <CreateCommand visit={visit} form={form} />
          </Folded>
        </aside>
      </form>
    </>,
  );
};
