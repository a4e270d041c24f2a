import { type Cell, firstNic, Hardware, type Instance, limits } from "@nano/contract";
import type { Attempt, Visit } from "../../http/visit.ts";
import { to } from "../../paths.ts";
import { noProblems, type Problems, SelectField, TextField } from "../../view/fields.tsx";
import { FormActions, Key } from "../../view/form.tsx";
import { Icon } from "../../view/icons.tsx";
import {
  type ButtonLook,
  ConfirmLink,
  DisabledButton,
  FactRow,
  Facts,
  Mono,
  Notice,
  Panel,
  SubmitButton,
} from "../../view/parts.tsx";
import { Addresses } from "../addresses.tsx";
import { deviceName, limitsText, runningText } from "../hardware-text.ts";
import { obstacle } from "../obstacle.ts";
import type { Tab } from "./tab.ts";

type Nic = Instance["nics"][number];

/** A snapshot with memory holds a machine with the interfaces of then. */
const heldBy = async (visit: Visit, instance: Instance): Promise<string | undefined> => {
  if (instance.snapshots === 0) return undefined;
  const found = await visit.attempt("snapshot.list", { id: instance.id });
  const holding = found.ok ? found.value.items.find(({ memory }) => memory) : undefined;
  return (
    holding &&
    visit.t("Delete the snapshot {snapshot}, which holds memory, to change network interfaces.", {
      snapshot: holding.name,
    })
  );
};

const Remove = ({
  visit,
  instance,
  nic,
  held,
}: {
  visit: Visit;
  instance: Instance;
  nic: Nic;
  held: string | undefined;
}) => {
  const { t } = visit;
  const look: ButtonLook = { label: t("Remove"), icon: "trash", small: true };
  const why =
    nic.name === firstNic
      ? t("The first network interface stays as long as the instance.")
      : (obstacle(visit, instance, "remove-nic", "nic.remove") ?? held);
  return why === undefined ? (
    <ConfirmLink href={to.nicRemove(instance.id, nic.name)} look={{ ...look, kind: "danger" }} />
  ) : (
    <DisabledButton look={look} why={why} />
  );
};

const NicRow = ({
  visit,
  instance,
  nic,
  cell,
  held,
}: {
  visit: Visit;
  instance: Instance;
  nic: Nic;
  cell: Attempt<Cell> | undefined;
  held: string | undefined;
}) => {
  const { t } = visit;
  return (
    <li class="nic-row">
      <div class="nic-head">
        <Icon name="plug" />
        <b safe>{nic.name}</b>
        <Remove visit={visit} instance={instance} nic={nic} held={held} />
      </div>
      <Facts>
        <FactRow term="MAC">
          <Mono visit={visit} text={nic.mac} />
        </FactRow>
        <FactRow term={t("Card")}>
          <span safe>{deviceName(visit, nic.model)}</span>
        </FactRow>
        {cell?.ok ? (
          <FactRow term={t("Network")}>
            <span safe>{visit.word(cell.value.network)}</span>
          </FactRow>
        ) : null}
        <FactRow term={t("Addresses")}>
          <Addresses visit={visit} addresses={nic.addresses} />
        </FactRow>
      </Facts>
    </li>
  );
};

export interface NicForm {
  readonly mac: string;
  readonly model: string;
  readonly problems: Problems;
}
const emptyForm: NicForm = { mac: "", model: "", problems: noProblems };

const Add = ({
  visit,
  instance,
  held,
  form,
}: {
  visit: Visit;
  instance: Instance;
  held: string | undefined;
  form: NicForm;
}) => {
  const { t } = visit;
  const look = { label: t("Add the network interface"), icon: "plus" as const };
  const why =
    instance.nics.length >= limits.nics
      ? t("It has {count}; there are no more.", { count: limits.nics })
      : (obstacle(visit, instance, "add-nic", "nic.add") ?? held);
  const { networkModel } = instance.hardware;
  return (
    <Panel title={t("Add a network interface")}>
      <form method="post" action={to.instanceNics(instance.id)} class="form">
        <Key />
        <SelectField
          visit={visit}
          name="model"
          label={t("Card")}
          hint={t("Which one it sees: the guest needs a driver for it.")}
          value={form.model}
          options={[
            { value: "", text: t("as its hardware: {model}", { model: deviceName(visit, networkModel) }) },
            ...Hardware.properties.networkModel.enum.map((model: string) => ({
              value: model,
              text: deviceName(visit, model),
            })),
          ]}
          problems={form.problems}
        />
        <TextField
          visit={visit}
          name="mac"
          label={t("MAC address")}
          hint={t("Left empty, one is chosen that no other interface of the zone has.")}
          value={form.mac}
          maxlength={17}
          placeholder="52:54:00:1a:2b:3c"
          mono
          problems={form.problems}
        />
        <p class="quiet" safe>
          {t(
            "It is plugged into its cell's network, while the instance runs too. The guest has to be told to use it, unless cloud-init's first boot is still to come.",
          )}
        </p>
        <FormActions>
          {why === undefined ? (
            <SubmitButton look={{ ...look, kind: "primary" }} />
          ) : (
            <DisabledButton look={look} why={why} />
          )}
        </FormActions>
      </form>
    </Panel>
  );
};

const Network = ({
  visit,
  instance,
  cell,
  held,
  form,
}: {
  visit: Visit;
  instance: Instance;
  cell: Attempt<Cell> | undefined;
  held: string | undefined;
  form: NicForm;
}) => {
  const { t } = visit;
  const known = new Set(instance.nics.flatMap(({ addresses }) => addresses));
  const elsewhere = instance.addresses.filter((address) => !known.has(address));
  const { receiveBytesPerSecond, sendBytesPerSecond } = instance.qos;
  const limited = limitsText(visit, {
    ...(receiveBytesPerSecond === undefined ? {} : { receiveBytesPerSecond }),
    ...(sendBytesPerSecond === undefined ? {} : { sendBytesPerSecond }),
  });
  return (
    <div class="columns columns-2-1">
      <Panel title={t("Network interfaces")}>
        {instance.pending.includes("nics") ? (
          <Notice tone="info">
            <p safe>
              {t("Until its next start the running guest has: {nics}", { nics: runningText(visit, instance, "nics") })}
            </p>
          </Notice>
        ) : null}
        <ul class="nic-rows">
          {instance.nics.map((nic) => (
            <NicRow visit={visit} instance={instance} nic={nic} cell={cell} held={held} />
          ))}
        </ul>
        {elsewhere.length > 0 ? (
          <Facts>
            <FactRow term={t("Other addresses")}>
              <Addresses visit={visit} addresses={elsewhere} />
            </FactRow>
          </Facts>
        ) : null}
        {limited === "" ? null : (
          <p class="quiet" safe>
            {`${t("Limits of each:")} ${limited}`}
          </p>
        )}
      </Panel>
      <div>
        <Add visit={visit} instance={instance} held={held} form={form} />
      </div>
    </div>
  );
};

/** The tab with what was typed into its form, and what of it does not fit. */
export const networkTabWith = (form: NicForm): Tab => ({
  ...networkTab,
  render: async (visit, instance) => {
    const [cell, held] = await Promise.all([
      instance.cell ? visit.attempt("cell.get", { id: instance.cell }) : undefined,
      heldBy(visit, instance),
    ]);
    return <Network visit={visit} instance={instance} cell={cell} held={held} form={form} />;
  },
});

export const networkTab: Tab = {
  name: "network",
  text: "Network",
  render: (visit, instance) => networkTabWith(emptyForm).render(visit, instance),
  commands: ({ id, nics }) => {
    const last = nics.at(-1);
    return [
      { operation: "instance.get", input: { id } },
      { operation: "nic.add", input: { id, model: "virtio" } },
      ...(last && last.name !== firstNic ? [{ operation: "nic.remove" as const, input: { id, nic: last.name } }] : []),
    ];
  },
};
