import { groundOf, type Instance, limits, type Output } from "@nano/contract";
import type { Attempt, Visit } from "../../http/visit.ts";
import { to } from "../../paths.ts";
import { formatBytes, formatGiB } from "../../text/format.ts";
import { NumberField, noProblems } from "../../view/fields.tsx";
import { Icon } from "../../view/icons.tsx";
import {
  ActionButton,
  type ButtonLook,
  ConfirmLink,
  DisabledButton,
  ErrorNotice,
  Notice,
  Panel,
  SubmitButton,
} from "../../view/parts.tsx";
import { ExportButton } from "../export.tsx";
import { MediaButtons } from "../media.tsx";
import { obstacle } from "../obstacle.ts";
import type { Tab } from "./tab.ts";

type Status = Output<"disk.list">["items"][number];

/** Why it can never be written anew: what it lies over would be copied into it. */
const whyNotAnew = ({ t }: Visit, disk: Status): string | undefined => {
  if (groundOf(disk) === undefined) return undefined;
  return disk.image && disk.backing === undefined
    ? t("It is a clone of {image}: written anew, the whole image would be copied into it.", { image: disk.image.name })
    : t("It has a backing file: written anew, all of that would be copied into it.");
};

const Button = ({
  visit,
  instance,
  disk,
  action,
}: {
  visit: Visit;
  instance: Instance;
  disk: Status;
  action: "shrink" | "remove";
}) => {
  const { t } = visit;
  const shrinks = action === "shrink";
  const look: ButtonLook = shrinks
    ? { label: t("Reclaim space"), icon: "disk", small: true }
    : { label: t("Remove"), icon: "trash", small: true };
  const never = shrinks
    ? whyNotAnew(visit, disk)
    : disk.name === "system" && t("The system disk stays as long as the instance.");
  const why =
    never ||
    obstacle(visit, instance, shrinks ? "shrink-disk" : "remove-disk", shrinks ? "disk.shrink" : "disk.remove");
  if (why !== undefined) return <DisabledButton look={look} why={why} />;
  const href = to.diskAction(instance.id, disk.name, action);
  return shrinks ? (
    <ActionButton action={href} look={look} />
  ) : (
    <ConfirmLink href={href} look={{ ...look, kind: "danger" }} />
  );
};

const Grow = ({ visit, instance, disk }: { visit: Visit; instance: Instance; disk: Status }) => {
  const { t } = visit;
  const look = { label: t("Grow"), icon: "up" as const, small: true };
  const why = obstacle(visit, instance, "grow-disk", "disk.grow");
  const id = `grow-${disk.name}`;
  if (why !== undefined) return <DisabledButton look={look} why={why} />;
  return (
    <form method="post" action={to.diskAction(instance.id, disk.name, "grow")} class="inline disk-grow">
      <input type="hidden" name="key" value={crypto.randomUUID()} />
      <label class="sr" for={id} safe>
        {`${t("Grow to")} (GiB)`}
      </label>
      <span class="input-unit">
        <input
          id={id}
          name="sizeGiB"
          type="number"
          inputmode="numeric"
          class="input"
          required
          min={String(disk.sizeGiB + 1)}
          max={String(limits.diskGiB.maximum)}
          value={String(Math.min(limits.diskGiB.maximum, disk.sizeGiB * 2))}
        />
        <span class="unit" aria-hidden="true">
          GiB
        </span>
      </span>
      <SubmitButton look={look} />
    </form>
  );
};

const DiskRow = ({ visit, instance, disk }: { visit: Visit; instance: Instance; disk: Status }) => {
  const { t } = visit;
  return (
    <li class="disk-row">
      <div class="disk-facts">
        <Icon name="disk" />
        <b safe>{visit.word(disk.name)}</b>
        <span class="num" safe>
          {formatGiB(disk.sizeGiB)}
        </span>
        {disk.allocatedBytes === undefined ? null : (
          <span class="quiet" safe>
            {`${t("Takes")} ${formatBytes(disk.allocatedBytes)}`}
          </span>
        )}
        {disk.image ? (
          <span class="quiet">
            <span safe>{t("clone of")}</span>{" "}
            <a href={to.file("image", disk.image.id)} safe>
              {disk.image.name}
            </a>
          </span>
        ) : null}
        {disk.backing === "shared" ? (
          <span class="quiet" safe>
            {disk.shared === undefined
              ? t("based on a file that linked clones may share")
              : disk.shared
                ? t("shares the file under it with linked clones")
                : t("based on a file that no other disk uses now")}
          </span>
        ) : null}
      </div>
      {disk.missing ? (
        <Notice tone="bad">
          <p safe>{t("Its file is gone from the cell's storage.")}</p>
        </Notice>
      ) : null}
      <div class="disk-actions">
        <Grow visit={visit} instance={instance} disk={disk} />
        <Button visit={visit} instance={instance} disk={disk} action="shrink" />
        <ExportButton visit={visit} instance={instance} disk={disk.name} small />
        <Button visit={visit} instance={instance} disk={disk} action="remove" />
      </div>
    </li>
  );
};

const Add = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const { t } = visit;
  const look = { label: t("Add the disk"), icon: "plus" as const };
  const why = obstacle(visit, instance, "add-disk", "disk.add");
  return (
    <Panel title={t("Add a disk")}>
      <form method="post" action={to.instanceDisks(instance.id)} class="form">
        <input type="hidden" name="key" value={crypto.randomUUID()} />
        <NumberField
          visit={visit}
          name="sizeGiB"
          label={t("Size")}
          hint={t("Blank, and given to the guest at once where its disk bus allows that.")}
          value="10"
          minimum={limits.diskGiB.minimum}
          maximum={limits.diskGiB.maximum}
          unit="GiB"
          problems={noProblems}
        />
        <div class="form-actions">
          {why === undefined ? (
            <SubmitButton look={{ ...look, kind: "primary" }} />
          ) : (
            <DisabledButton look={look} why={why} />
          )}
        </div>
      </form>
    </Panel>
  );
};

const Drive = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const { t } = visit;
  return (
    <Panel title={t("Drive")}>
      {instance.media ? (
        <p>
          <Icon name="media" /> <span safe>{t("Medium inserted:")}</span>{" "}
          <a href={to.file("media", instance.media.id)} safe>
            {instance.media.name}
          </a>
        </p>
      ) : (
        <p class="quiet" safe>
          {t("Nothing is in its drive.")}
        </p>
      )}
      <div class="disk-actions">
        <MediaButtons visit={visit} instance={instance} back={to.instance(instance.id, "disks")} />
      </div>
    </Panel>
  );
};

const Disks = ({
  visit,
  instance,
  measured,
}: {
  visit: Visit;
  instance: Instance;
  measured: Attempt<Output<"disk.list">>;
}) => {
  const { t } = visit;
  // Without its cell's word they are shown as they should be.
  const disks: readonly Status[] = measured.ok ? measured.value.items : instance.disks;
  return (
    <div class="columns columns-2-1">
      <Panel title={t("Disks")}>
        {measured.ok ? null : <ErrorNotice visit={visit} error={measured.error} />}
        <ul class="disk-rows">
          {disks.map((disk) => (
            <DiskRow visit={visit} instance={instance} disk={disk} />
          ))}
        </ul>
        <p class="quiet" safe>
          {t("A disk takes only the room of what was written to it.")}
        </p>
      </Panel>
      <div>
        <Add visit={visit} instance={instance} />
        <Drive visit={visit} instance={instance} />
      </div>
    </div>
  );
};

export const disksTab: Tab = {
  name: "disks",
  text: "Disks",
  render: async (visit, instance) => (
    <Disks visit={visit} instance={instance} measured={await visit.attempt("disk.list", { id: instance.id })} />
  ),
  commands: ({ id, name: instanceName, disks }) => {
    const last = disks.at(-1);
    return [
      { operation: "disk.list", input: { id } },
      { operation: "disk.add", input: { id, sizeGiB: 10 } },
      ...disks.slice(0, 1).map(({ name, sizeGiB }) => ({
        operation: "disk.grow" as const,
        input: { id, disk: name, sizeGiB: sizeGiB * 2 },
      })),
      ...disks
        .filter(({ image }) => !image)
        .slice(0, 1)
        .map(({ name }) => ({ operation: "disk.shrink" as const, input: { id, disk: name } })),
      { operation: "disk.export", input: { id, disk: "system", name: `${instanceName}-golden` } },
      ...(last && last.name !== "system"
        ? [{ operation: "disk.remove" as const, input: { id, disk: last.name } }]
        : []),
      { operation: "media.eject", input: { id } },
    ];
  },
};
