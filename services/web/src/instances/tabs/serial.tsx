import { allows, type Instance, type Output } from "@nano/contract";
import type { Attempt, Visit } from "../../http/visit.ts";
import { to } from "../../paths.ts";
import { Copy, DisabledButton, Empty, ErrorNotice, LinkButton, Panel } from "../../view/parts.tsx";
import type { Tab } from "./tab.ts";

/** What a guest wrote is untrusted: terminal escapes and control characters are taken out, the rest is escaped text. */
export const readableSerial = (text: string): string =>
  text
    // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is removed here
    .replace(/\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)|\x1b[@-_]/g, "")
    .replace(/\r\n?/g, "\n")
    // biome-ignore lint/suspicious/noControlCharactersInRegex: as above
    .replace(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]/g, "");

const Serial = ({ visit, serial }: { visit: Visit; serial: Attempt<Output<"instance.serial">> }) => {
  const { t } = visit;
  if (!serial.ok) return <ErrorNotice visit={visit} error={serial.error} />;
  const text = readableSerial(serial.value.text);
  if (text.trim() === "")
    return (
      <Empty icon="console" title={t("Nothing yet")} text={t("The instance has written nothing on its serial port.")} />
    );
  return (
    <Panel title={t("Serial log")} aside={<Copy visit={visit} text={text.slice(-16_384)} />}>
      {serial.value.truncated ? (
        <p class="quiet" safe>
          {t("Only the end is shown.")}
        </p>
      ) : null}
      <pre class="serial" tabindex={0} data-bottom safe>
        {text}
      </pre>
    </Panel>
  );
};

const OpenSerial = ({ visit, instance: { id, state } }: { visit: Visit; instance: Instance }) => {
  const look = { label: visit.t("Open the serial console"), icon: "console", kind: "primary" } as const;
  const allowed = allows(state, "console");
  return allowed === true ? (
    <LinkButton href={to.serialConsole(id)} look={look} boosted={false} />
  ) : (
    <DisabledButton look={look} why={visit.say(allowed)} />
  );
};

export const serialTab: Tab = {
  name: "serial",
  text: "Serial log",
  render: async (visit, instance) => {
    const serial = await visit.attempt("instance.serial", { id: instance.id });
    return (
      <>
        <p class="tab-actions">
          <OpenSerial visit={visit} instance={instance} />
        </p>
        <Serial visit={visit} serial={serial} />
      </>
    );
  },
  commands: ({ id }) => [
    { operation: "instance.serial", input: { id } },
    { operation: "console.create", input: { instance: id, kind: "serial" } },
  ],
};
