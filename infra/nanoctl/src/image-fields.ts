/** What the commands that put something into the image store take alike, and what it is called. */
import { diskFormats, type GiB, type Input, limits, type Visibility, visibilities } from "@nano/contract";
import { Problem } from "./problem.ts";
import { wholeNumber } from "./terminal/arguments.ts";

export const fieldOptions = {
  name: { type: "string" },
  description: { type: "string" },
  tag: { type: "string", multiple: true },
  media: { type: "boolean" },
  visibility: { type: "string" },
  "minimum-disk": { type: "string" },
  format: { type: "string" },
} as const;

export interface FieldValues {
  readonly description?: string | undefined;
  readonly tag?: readonly string[] | undefined;
  readonly media?: boolean | undefined;
  readonly visibility?: string | undefined;
  readonly "minimum-disk"?: string | undefined;
  readonly format?: string | undefined;
}

/** @throws {Problem} when it is none of them */
export const oneOf = <const T extends string>(option: string, text: string, words: readonly T[]): T => {
  const word = words.find((one) => one === text);
  if (word === undefined) throw new Problem(`${option} cannot be "${text}"`, `There are: ${words.join(", ")}.`);
  return word;
};

/**
 * What an operator puts in is for everyone who is logged in, and for nobody else only if they say so. @throws {Problem}
 */
export const visibilityOf = (text = "public"): Visibility => oneOf("--visibility", text, visibilities);

type Fields = Pick<Input<"image.create">, "description" | "tags" | "visibility" | "minimumDiskGiB" | "format">;

/** @throws {Problem} */
export const fieldsOf = (values: FieldValues): Fields => {
  const { description, tag, media, visibility, format, "minimum-disk": minimum } = values;
  const { diskGiB } = limits;
  if (media && (format !== undefined || minimum !== undefined))
    throw new Problem(
      `a medium has no ${format === undefined ? "minimum disk" : "format but its own"}`,
      "Leave that out, or leave out --media.",
    );
  return {
    ...(description ? { description } : {}),
    ...(tag ? { tags: [...tag] } : {}),
    visibility: visibilityOf(visibility),
    ...(minimum === undefined
      ? {}
      : {
          minimumDiskGiB: wholeNumber(
            "--minimum-disk (in GiB)",
            minimum.replace(/ ?GiB$/i, ""),
            diskGiB.minimum,
            diskGiB.maximum,
          ) as GiB,
        }),
    ...(format === undefined ? {} : { format: oneOf("--format", format, diskFormats) }),
  };
};

/** A file's name without what says of which format it is. */
export const nameOf = (fileName: string): string =>
  fileName.replace(/\.(gz|xz|zst|bz2)$/i, "").replace(/\.(qcow2|img|iso|raw|vmdk|vdi|vhdx|vhd)$/i, "");
