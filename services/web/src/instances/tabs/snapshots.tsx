/** The tree of an instance's snapshots, with what can be done with each. */
import { allows, type Instance, type Output, type Snapshot, type SnapshotId, snapshotHold } from "@nano/contract";
import type { Attempt, Visit } from "../../http/visit.ts";
import { to } from "../../paths.ts";
import type { ChineseKey } from "../../text/chinese.ts";
import { Badge } from "../../view/badges.tsx";
import {
  type ButtonLook,
  ConfirmLink,
  DisabledButton,
  Empty,
  ErrorNotice,
  LinkButton,
  Panel,
  Time,
} from "../../view/parts.tsx";
import type { Tab } from "./tab.ts";

/** Why none can be taken now. */
export const whyNoSnapshot = (visit: Visit, instance: Instance): string | undefined => {
  const allowed = allows(instance.state, "create-snapshot");
  if (allowed !== true) return visit.say(allowed);
  if (!visit.may("snapshot.create")) return visit.t("You may not do this.");
  return instance.hardware.firmware === "uefi" ? visit.t("It has UEFI firmware, which no snapshot keeps.") : undefined;
};

export const heldText = ({ running, memory }: Snapshot): ChineseKey =>
  memory ? "Disks and memory" : running ? "Disks, taken while it ran" : "Disks, while it was off";

const TakeButton = ({ visit, instance }: { visit: Visit; instance: Instance }) => {
  const look: ButtonLook = { label: visit.t("Take a snapshot"), icon: "plus" };
  const why = whyNoSnapshot(visit, instance);
  return why === undefined ? (
    <LinkButton href={to.snapshotNew(instance.id)} look={{ ...look, kind: "primary" }} />
  ) : (
    <DisabledButton look={look} why={why} />
  );
};

/** A running instance is stopped first: the question says so. */
const whyNotBack = (visit: Visit, { state }: Instance): string | undefined => {
  const allowed = allows(state, "restore-snapshot");
  return allowed === true || allows(state, "force-stop") === true ? undefined : visit.say(allowed);
};

const Buttons = ({
  visit,
  instance,
  snapshot,
  all,
}: {
  visit: Visit;
  instance: Instance;
  snapshot: Snapshot;
  all: readonly Snapshot[];
}) => {
  const { t } = visit;
  const mayNot = visit.may("snapshot.restore") ? undefined : t("You may not do this.");
  const back = { label: t("Restore"), icon: "reboot" as const, small: true };
  const drop = { label: t("Delete"), icon: "trash" as const, small: true };
  const notBack = mayNot ?? whyNotBack(visit, instance);
  const allowed = allows(instance.state, "delete-snapshot");
  const notDrop = mayNot ?? (allowed === true ? undefined : visit.say(allowed));
  const hold = snapshotHold(snapshot, all);
  const href = to.snapshot(instance.id, snapshot.id, "delete");
  return (
    <div class="snapshot-actions">
      {notBack === undefined ? (
        <ConfirmLink href={to.snapshot(instance.id, snapshot.id, "restore")} look={back} />
      ) : (
        <DisabledButton look={back} why={notBack} />
      )}
      {notDrop !== undefined || hold !== undefined ? (
        <DisabledButton look={drop} why={notDrop ?? visit.say(hold ?? "")} />
      ) : (
        <ConfirmLink href={href} look={{ ...drop, kind: "danger" }} />
      )}
      {notDrop === undefined && hold !== undefined ? (
        <ConfirmLink href={href} look={{ label: t("Delete anyway…"), small: true }} />
      ) : null}
    </div>
  );
};

interface BranchProps {
  readonly visit: Visit;
  readonly instance: Instance;
  readonly all: readonly Snapshot[];
  readonly parent: SnapshotId | undefined;
}

const Branch = ({ visit, instance, all, parent }: BranchProps): JSX.Element => {
  const known = new Set(all.map(({ id }) => id));
  // One whose parent is not known stands at the root, rather than nowhere.
  const of = (snapshot: Snapshot) =>
    snapshot.parent !== undefined && known.has(snapshot.parent) ? snapshot.parent : undefined;
  const children = all.filter((snapshot) => of(snapshot) === parent);
  if (children.length === 0) return "";
  const safeItems = children.map((snapshot) => {
    const { t } = visit;
    const safeChildren = Branch({ visit, instance, all, parent: snapshot.id });
    return (
      <li>
        <article class={snapshot.current ? "snapshot is-current" : "snapshot"} aria-current={snapshot.current}>
          <div class="snapshot-text">
            <h3>
              <span safe>{snapshot.name}</span>
              {snapshot.current ? <Badge tone="good" text={t("current")} /> : null}
            </h3>
            {snapshot.description === "" ? null : <p safe>{snapshot.description}</p>}
            <p class="quiet">
              <Time at={snapshot.createdAt} /> · <span safe>{t("by {person}", { person: snapshot.createdBy })}</span> ·{" "}
              <span safe>{t(heldText(snapshot))}</span>
            </p>
          </div>
          <Buttons visit={visit} instance={instance} snapshot={snapshot} all={all} />
        </article>
        {safeChildren}
      </li>
    );
  });
  return <ul class="snapshots">{safeItems}</ul>;
};

const Snapshots = ({
  visit,
  instance,
  snapshots,
}: {
  visit: Visit;
  instance: Instance;
  snapshots: Attempt<Output<"snapshot.list">>;
}) => {
  const { t } = visit;
  if (!snapshots.ok) return <ErrorNotice visit={visit} error={snapshots.error} />;
  const all = snapshots.value.items;
  if (all.length === 0)
    return (
      <Empty
        icon="copy"
        title={t("No snapshots")}
        text={t("They keep what it was, to go back to: before an upgrade, for instance.")}
      >
        <TakeButton visit={visit} instance={instance} />
      </Empty>
    );
  const safeTree = Branch({ visit, instance, all, parent: undefined });
  return (
    <Panel title={t("Snapshots")} aside={<TakeButton visit={visit} instance={instance} />}>
      {safeTree}
    </Panel>
  );
};

export const snapshotsTab: Tab = {
  name: "snapshots",
  text: "Snapshots",
  render: async (visit, instance) => (
    <Snapshots
      visit={visit}
      instance={instance}
      snapshots={await visit.attempt("snapshot.list", { id: instance.id })}
    />
  ),
  commands: ({ id }) => [{ operation: "snapshot.list", input: { id } }],
};
