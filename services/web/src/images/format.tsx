/** What a disk image was before it became qcow2, and what a person may say that a file is. */
import {
  type DiskFormat,
  diskFormats,
  fits,
  NanoError,
  type RenditionFormat,
  RenditionFormatSchema,
} from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { type fieldsOf, SelectField } from "../view/fields.tsx";

const names: Readonly<Record<DiskFormat, string>> = {
  qcow2: "qcow2",
  raw: "raw",
  vmdk: "VMDK",
  vdi: "VDI",
  vhdx: "VHDX",
  vhd: "VHD",
};
export const formatName = (format: DiskFormat): string => names[format];

/** Of an address or a form. @throws NanoError when there is no such format */
export const readFormat = (text: string): RenditionFormat => {
  const value: unknown = text;
  if (fits(RenditionFormatSchema, value)) return value;
  throw new NanoError("rendition-not-found", `“${text.slice(0, 64)}” is no format of a disk image`);
};

export const FormatField = (props: { visit: Visit; field: ReturnType<typeof fieldsOf>; value: string }) => {
  const { field, value } = props;
  const { t } = props.visit;
  return (
    <SelectField
      {...field("format")}
      label={t("Format")}
      hint={t("Whatever it is, it is stored as qcow2.")}
      value={value}
      options={[
        { value: "", text: t("Found out from the file") },
        ...diskFormats.map((format) => ({ value: format, text: formatName(format) })),
      ]}
    />
  );
};
