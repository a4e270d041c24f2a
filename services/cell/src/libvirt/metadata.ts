/**
 * Nano's record of an instance lies in its libvirt domain, so a cell needs no database: whoever asks libvirt knows
 * everything.
 *
 * Two elements of `<metadata>`, each with a namespace of its own:
 * - `instance`: the specification with its epoch and its zone, in the definition. It lives as long as the domain.
 *   Versions before wrote no zone.
 * - `run`: what is true of this one run (media, start time, whether the power button was pressed). It is only in the
 *   running domain, so libvirt forgets it by itself when the run ends, however it ends.
 *
 * Both hold JSON as text. A record that cannot be read makes the domain a stranger, never an error for the others.
 */
import {
  Closed,
  fits,
  InstanceSpec,
  Label,
  MediaIdSchema,
  Sha256Schema,
  type Static,
  Type,
  type ZoneId,
  ZoneIdSchema,
} from "@nano/contract";
import type { MetadataKey } from "@nano/libvirt";
import { readXml } from "../xml/read.ts";
import { type Element, element, textOf } from "../xml/tree.ts";

export const instanceKey: MetadataKey = { uri: "urn:nano:instance:1", prefix: "nano" };
export const runKey: MetadataKey = { uri: "urn:nano:run:1", prefix: "nanorun" };

const Run = Closed({
  startedAt: Type.Optional(Type.String({ maxLength: 32 })),
  /** When the guest last restarted itself, or was reset. */
  restartedAt: Type.Optional(Type.String({ maxLength: 32 })),
  /** When the power button was pressed. */
  stoppingSince: Type.Optional(Type.String({ maxLength: 32 })),
  /** When it was paused by us; one that is paused without it was paused by someone else. */
  pausedSince: Type.Optional(Type.String({ maxLength: 32 })),
  media: Type.Optional(Closed({ id: MediaIdSchema, name: Label, sha256: Sha256Schema })),
});
export type Run = Static<typeof Run>;

/** JSON in which every character is one XML can carry. */
export const jsonText = (value: object): string =>
  JSON.stringify(value).replace(
    /[\u007f-\u009f\ufffe\uffff]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );

const fromText = (text: string): unknown => {
  try {
    const value: unknown = JSON.parse(text);
    return value;
  } catch {
    return undefined;
  }
};

const readText = (xml: string | undefined): unknown => {
  if (xml === undefined) return undefined;
  try {
    return fromText(textOf(readXml(xml)));
  } catch {
    return undefined;
  }
};

export const instanceElement = (spec: InstanceSpec, zone?: ZoneId): Element =>
  element(
    `${instanceKey.prefix}:instance`,
    { [`xmlns:${instanceKey.prefix}`]: instanceKey.uri, epoch: spec.epoch, zone },
    jsonText(spec),
  );

export const runElement = (run: Run): Element =>
  element(`${runKey.prefix}:run`, { [`xmlns:${runKey.prefix}`]: runKey.uri }, jsonText(run));

/** As `domain.setMetadata` wants them: libvirt adds the namespace. */
export const bareInstanceElement = (spec: InstanceSpec, zone?: ZoneId): Element =>
  element("instance", { epoch: spec.epoch, zone }, jsonText(spec));
export const bareRunElement = (run: Run): Element => element("run", {}, jsonText(run));

/** @param xml what `domain.getMetadata` gave */
export const readSpec = (xml: string | undefined): InstanceSpec | undefined => {
  const value = readText(xml);
  return fits(InstanceSpec, value) ? value : undefined;
};

/** @returns undefined of a record that names none */
export const readZone = (xml: string | undefined): ZoneId | undefined => {
  if (xml === undefined) return undefined;
  try {
    const { zone } = readXml(xml).attributes;
    return fits(ZoneIdSchema, zone) ? zone : undefined;
  } catch {
    return undefined;
  }
};

export const readRun = (xml: string | undefined): Run => {
  const value = readText(xml);
  return fits(Run, value) ? value : {};
};
