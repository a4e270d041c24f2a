/** From the create form to the contract's input and back: the form is what was typed, the input what is asked for. */
import { limits } from "@nano/contract";
import type { Form } from "../http/forms.ts";
import { type CloudInitForm, cloudInitInput, emptyCloudInitForm, readCloudInitForm } from "./cloud-init.tsx";
import {
  emptySettings,
  hardwareInput,
  numberOr,
  qosInput,
  readSettings,
  type SettingsForm,
  tagsInput,
} from "./settings-input.ts";

/** What was typed, as text: shown again as it was when something does not fit. */
export interface CreateForm {
  readonly name: string;
  /** More than one are named `<name>-1`, `<name>-2`, … */
  readonly count: string;
  readonly description: string;
  /** Empty for whoever creates it. */
  readonly owner: string;
  readonly pool: string;
  readonly cores: string;
  readonly memoryMiB: string;
  /** An image's id; empty for a blank disk. */
  readonly image: string;
  readonly systemGiB: string;
  readonly dataGiB: readonly string[];
  readonly template: string;
  readonly settings: SettingsForm;
  readonly cloudInit: CloudInitForm;
  readonly autostart: boolean;
  readonly start: boolean;
  /** The idempotency key: made with the empty form, so that a double submit makes one instance. */
  readonly key: string;
}

export const emptyCreateForm = (start: Partial<CreateForm> = {}): CreateForm => ({
  name: "",
  count: "1",
  description: "",
  owner: "",
  pool: "default",
  cores: "1",
  memoryMiB: "1024",
  image: "",
  systemGiB: "10",
  dataGiB: [],
  template: "linux",
  settings: emptySettings,
  cloudInit: emptyCloudInitForm,
  autostart: false,
  start: true,
  key: crypto.randomUUID(),
  ...start,
});

export const readCreateForm = (form: Form): CreateForm => ({
  name: form.text("name"),
  count: form.text("count") || "1",
  description: form.lines("description"),
  owner: form.text("owner"),
  pool: form.text("pool"),
  cores: form.text("cores"),
  memoryMiB: form.text("memoryMiB"),
  image: form.text("image"),
  systemGiB: form.text("systemGiB"),
  dataGiB: form.all("dataGiB").slice(0, limits.dataDisks + 1),
  template: form.text("template"),
  settings: readSettings(form),
  cloudInit: readCloudInitForm(form),
  autostart: form.has("autostart"),
  start: form.has("start"),
  key: form.text("key"),
});

/** What was chosen beside the template: nothing of it is said unless it was. */
const settingsInput = (form: SettingsForm): Record<string, unknown> => {
  const [tags, hardware, qos] = [tagsInput(form), hardwareInput(form), qosInput(form)];
  return {
    ...(tags.length > 0 ? { tags } : {}),
    ...(Object.keys(hardware).length > 0 ? { hardware } : {}),
    ...(Object.keys(qos).length > 0 ? { qos } : {}),
    ...(form.restart === "" || form.restart === "never" ? {} : { restart: form.restart }),
  };
};

/** @param shown for people to read: without the password */
export const createInput = (form: CreateForm, shown = false): Record<string, unknown> => ({
  name: form.name,
  pool: form.pool,
  cores: numberOr(form.cores),
  memoryMiB: numberOr(form.memoryMiB),
  systemDisk: { sizeGiB: numberOr(form.systemGiB), ...(form.image === "" ? {} : { image: form.image }) },
  ...(form.dataGiB.length > 0 ? { dataDisks: form.dataGiB.map((size) => ({ sizeGiB: numberOr(size) })) } : {}),
  ...(form.template === "" ? {} : { template: form.template }),
  ...settingsInput(form.settings),
  ...cloudInitInput(form.cloudInit, shown),
  ...(form.autostart ? { autostart: true } : {}),
  ...(form.description === "" ? {} : { description: form.description }),
  ...(form.owner === "" ? {} : { owner: form.owner }),
  ...(form.start ? { start: true } : {}),
});

export const isBatch = ({ count }: CreateForm): boolean => count !== "1";

/** @param shown as for `createInput` */
export const batchInput = (form: CreateForm, shown = false): Record<string, unknown> => {
  const { name, ...alike } = createInput(form, shown);
  return { prefix: name, count: numberOr(form.count), ...alike };
};

/** The buttons inside the form that change it without sending it: `add-disk`, `remove-disk-<n>`. */
export const editDisks = (form: CreateForm, edit: string): CreateForm => {
  if (edit === "add-disk" && form.dataGiB.length < limits.dataDisks)
    return { ...form, dataGiB: [...form.dataGiB, "10"] };
  const removed = /^remove-disk-(\d{1,2})$/.exec(edit)?.[1];
  if (removed !== undefined) return { ...form, dataGiB: form.dataGiB.filter((_, i) => i !== Number(removed)) };
  return form;
};
