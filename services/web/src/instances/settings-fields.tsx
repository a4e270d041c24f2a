/** The fields that creating and changing an instance have in common. */
import { type TemplateName, templateNames, templates } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import type { ChineseKey } from "../text/chinese.ts";
import {
  ChoiceField,
  type FieldOf,
  fieldsOf,
  NumberField,
  type Problems,
  SelectField,
  TextField,
} from "../view/fields.tsx";
import { deviceName, hardwareText } from "./hardware-text.ts";
import {
  type ByteRate,
  byteRates,
  type HardwareField,
  hardwareFields,
  hardwareWords,
  requestRates,
  restartWords,
  type SettingsForm,
  unitsOf,
} from "./settings-input.ts";

export interface SettingsProps {
  readonly visit: Visit;
  readonly form: SettingsForm;
  readonly problems: Problems;
}

export const memoryPresets = [512, 1024, 2048, 4096, 8192, 16_384].map((mib) => ({
  value: mib,
  label: mib < 1024 ? `${mib} M` : `${mib / 1024} G`,
}));
export const corePresets = [1, 2, 4, 8].map((cores) => ({ value: cores, label: String(cores) }));

export const hardwareLabels: Readonly<Record<HardwareField, ChineseKey>> = {
  system: "Operating system",
  diskBus: "Disk bus",
  networkModel: "Network card",
  display: "Graphics card",
  firmware: "Firmware",
  tablet: "Pointer",
  usb: "USB 3 ports",
};
const hardwareHints: Partial<Record<HardwareField, ChineseKey>> = {
  system: "Decides how its clock is kept and who its administrator is.",
  diskBus: "On IDE there is room for three disks.",
  display: "With none there is no screen, only the serial console.",
  firmware: "UEFI needs OVMF on the cell's host.",
  tablet: "Follows the viewer's mouse; with none the mouse is caught.",
};

const templateTexts: Readonly<Record<TemplateName, ChineseKey>> = {
  linux: "Linux",
  "linux-uefi": "Linux with UEFI",
  windows: "Windows",
  general: "Any system",
  legacy: "Old systems",
};

/** Each with the hardware it stands for. */
export const TemplateField = ({ visit, value, problems }: { visit: Visit; value: string; problems: Problems }) => (
  <ChoiceField
    {...fieldsOf(visit, problems)("template")}
    label={visit.t("Template")}
    value={value}
    options={templateNames.map((name) => ({
      value: name,
      text: visit.t(templateTexts[name]),
      hint: hardwareText(visit, templates[name]),
    }))}
  />
);

/** @param free what an empty choice means; without it there is none */
export const HardwareFields = ({ visit, form, problems, free }: SettingsProps & { free?: ChineseKey }) => {
  const { t } = visit;
  const field = fieldsOf(visit, problems, "/hardware");
  return (
    <div class="form form-pairs">
      {hardwareFields.map((name) => {
        const hint = hardwareHints[name];
        return (
          <SelectField
            {...field(name)}
            label={t(hardwareLabels[name])}
            {...(hint ? { hint: t(hint) } : {})}
            value={form[name]}
            options={[
              ...(free === undefined ? [] : [{ value: "", text: t(free) }]),
              ...hardwareWords(name).map((word) => ({ value: word, text: deviceName(visit, word) })),
            ]}
          />
        );
      })}
    </div>
  );
};

export const limitLabels = {
  cpuPriority: "CPU priority",
  readBytesPerSecond: "Read from each disk",
  writeBytesPerSecond: "Written to each disk",
  receiveBytesPerSecond: "Received from the network",
  sendBytesPerSecond: "Sent to the network",
  readIops: "Read requests on each disk",
  writeIops: "Write requests on each disk",
} as const satisfies Record<string, ChineseKey>;

const Rate = ({ visit, form, field, rate }: { visit: Visit; form: SettingsForm; field: FieldOf; rate: ByteRate }) => (
  <NumberField
    {...field(rate)}
    label={visit.t(limitLabels[rate])}
    value={form[rate]}
    minimum={0}
    maximum={2 ** 40}
    unit=""
    units={{ chosen: form[`${rate}Unit`], all: unitsOf(rate) }}
    whenEmpty={visit.t("unlimited")}
  />
);

export const LimitFields = ({ visit, form, problems }: SettingsProps) => {
  const { t } = visit;
  const field = fieldsOf(visit, problems, "/qos");
  return (
    <div class="form form-pairs">
      <SelectField
        {...field("cpuPriority")}
        label={t("CPU priority")}
        hint={t("Its share while the host's CPUs are busy: high counts twice, low half.")}
        value={form.cpuPriority}
        options={[
          { value: "", text: t("as usual") },
          ...["high", "medium", "low"].map((word) => ({ value: word, text: visit.word(word) })),
        ]}
      />
      {byteRates.map((rate) => (
        <Rate visit={visit} form={form} field={field} rate={rate} />
      ))}
      {requestRates.map((rate) => (
        <NumberField
          {...field(rate)}
          label={t(limitLabels[rate])}
          value={form[rate]}
          minimum={1}
          maximum={2 ** 40}
          unit="/s"
          whenEmpty={t("unlimited")}
        />
      ))}
    </div>
  );
};

export const TagsField = ({ visit, form, problems }: SettingsProps) => (
  <TextField
    {...fieldsOf(visit, problems)("tags")}
    label={visit.t("Tags")}
    hint={visit.t("Words to find it by, separated by spaces: letters, digits, '.', '_' and '-'.")}
    value={form.tags}
    maxlength={600}
  />
);

export const RestartField = ({ visit, form, problems }: SettingsProps) => (
  <SelectField
    {...fieldsOf(visit, problems)("restart")}
    label={visit.t("If it crashes")}
    value={form.restart}
    options={restartWords.map((word) => ({
      value: word,
      text: visit.t(word === "on-crash" ? "It is started again, at growing intervals" : "It stays off"),
    }))}
  />
);
