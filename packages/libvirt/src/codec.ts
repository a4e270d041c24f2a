/** The types of XDR (RFC 4506) as values. See the theory at the top of `xdr.ts`. */

import { XdrError, XdrReader, XdrWriter } from "./xdr.ts";

export interface Codec<T> {
  encode(writer: XdrWriter, value: T): void;
  decode(reader: XdrReader): T;
}

/** The TypeScript type a codec reads and writes. */
export type ValueOf<C> = C extends Codec<infer T> ? T : never;

/** Encodes one value to its own bytes. */
export function encode<T>(codec: Codec<T>, value: T): Uint8Array {
  const writer = new XdrWriter();
  codec.encode(writer, value);
  return writer.finish();
}

/** Decodes one value that must fill `bytes` exactly. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  const reader = new XdrReader(bytes);
  const value = codec.decode(reader);
  reader.end();
  return value;
}

export const int: Codec<number> = { encode: (w, v) => w.int(v), decode: (r) => r.int() };
export const uint: Codec<number> = { encode: (w, v) => w.uint(v), decode: (r) => r.uint() };
export const hyper: Codec<bigint> = { encode: (w, v) => w.hyper(v), decode: (r) => r.hyper() };
export const uhyper: Codec<bigint> = { encode: (w, v) => w.uhyper(v), decode: (r) => r.uhyper() };
export const float: Codec<number> = { encode: (w, v) => w.float(v), decode: (r) => r.float() };
export const double: Codec<number> = { encode: (w, v) => w.double(v), decode: (r) => r.double() };
/** Small C integers travel as whole words. */
export const char = int;
export const uchar = uint;
export const ushort = uint;

/**
 * An unsigned hyper where a JavaScript number is what one wants: sizes in bytes, counters, nanoseconds. Exact up to
 * 2^53 (8 PiB, or 104 days in nanoseconds); a bigger one is rounded to 53 significant bits when read, and refused when
 * written.
 */
export const count: Codec<number> = {
  encode: (w, v) => {
    if (!Number.isSafeInteger(v) || v < 0) throw new XdrError(`${v} is not a whole number between 0 and 2^53`);
    w.uhyper(BigInt(v));
  },
  decode: (r) => r.count(),
};

/** Signed hyper as a number, with the same limits as {@link count}. libvirt uses -1 for "not known". */
export const signedCount: Codec<number> = {
  encode: (w, v) => {
    if (!Number.isSafeInteger(v)) throw new XdrError(`${v} is not a whole number within 2^53`);
    w.hyper(BigInt(v));
  },
  decode: (r) => Number(r.hyper()),
};

/** XDR's bool: exactly 0 or 1. */
export const bool: Codec<boolean> = {
  encode: (w, v) => w.uint(v ? 1 : 0),
  decode: (r) => {
    const value = r.uint();
    if (value > 1) throw new XdrError(`${value} is not a boolean`);
    return value === 1;
  },
};

/** A C int that means yes or no (any value but 0 is yes). */
export const flag: Codec<boolean> = { encode: (w, v) => w.int(v ? 1 : 0), decode: (r) => r.int() !== 0 };

/** `string<max>`: `max` counts bytes of UTF-8. */
export const string = (max: number): Codec<string> => ({
  encode: (w, v) => w.string(v, max),
  decode: (r) => r.string(max),
});

/** `opaque[length]`. */
export const fixedOpaque = (length: number): Codec<Uint8Array> => ({
  encode: (w, v) => {
    if (v.length !== length) throw new XdrError(`${v.length} bytes given where exactly ${length} belong`);
    w.fixed(v);
  },
  decode: (r) => r.fixed(length),
});

/** `opaque<max>`. The decoded value is a view of the message. */
export const opaque = (max: number): Codec<Uint8Array> => ({
  encode: (w, v) => {
    if (v.length > max) throw new XdrError(`${v.length} bytes are over the limit of ${max}`);
    w.uint(v.length);
    w.fixed(v);
  },
  decode: (r) => r.fixed(r.size(max, "opaque data")),
});

/** `type *name`: a value that may be missing; null here. */
export const optional = <T>(item: Codec<T>): Codec<T | null> => ({
  encode: (w, v) => {
    bool.encode(w, v !== null);
    if (v !== null) item.encode(w, v);
  },
  decode: (r) => (bool.decode(r) ? item.decode(r) : null),
});

/** `type name[length]`. */
export const fixedArray = <T>(item: Codec<T>, length: number): Codec<readonly T[]> => ({
  encode: (w, v) => {
    if (v.length !== length) throw new XdrError(`${v.length} items given where exactly ${length} belong`);
    for (const each of v) item.encode(w, each);
  },
  decode: (r) => readItems(r, item, length),
});

/** `type name<max>`. */
export const array = <T>(item: Codec<T>, max: number): Codec<readonly T[]> => ({
  encode: (w, v) => {
    if (v.length > max) throw new XdrError(`${v.length} items are over the limit of ${max}`);
    w.uint(v.length);
    for (const each of v) item.encode(w, each);
  },
  decode: (r) => readItems(r, item, r.size(max, "an array")),
});

function readItems<T>(reader: XdrReader, item: Codec<T>, length: number): T[] {
  const items: T[] = [];
  for (let i = 0; i < length; i++) items.push(item.decode(reader));
  return items;
}

/** The object whose fields are read and written by the codecs of `F`. */
export type StructOf<F> = { readonly [K in keyof F]: ValueOf<F[K]> };

interface AnyCodec {
  encode(writer: XdrWriter, value: unknown): void;
  decode(reader: XdrReader): unknown;
}

/** `struct { … }`: the fields in the order they are written down here. */
export function struct<F extends Record<string, { decode(reader: XdrReader): unknown }>>(
  fields: F,
): Codec<StructOf<F>> {
  // The mapped type ties each field to its codec; inside the loop that tie cannot be expressed, so it is dropped once,
  // here.
  const entries = Object.entries(fields) as unknown as readonly (readonly [string, AnyCodec])[];
  return {
    encode: (w, value) => {
      const record = value as Readonly<Record<string, unknown>>;
      for (const [name, codec] of entries) codec.encode(w, record[name]);
    },
    decode: (r) => {
      const record: Record<string, unknown> = {};
      for (const [name, codec] of entries) record[name] = codec.decode(r);
      return record as StructOf<F>;
    },
  };
}

/** `union switch (int type)`: `arms` maps the discriminant to the codec of `value`; other discriminants are refused. */
export function union<A extends Readonly<Record<number, { decode(reader: XdrReader): unknown }>>>(
  arms: A,
): Codec<{ [K in keyof A]: { readonly type: K; readonly value: ValueOf<A[K]> } }[keyof A]> {
  type Value = { [K in keyof A]: { readonly type: K; readonly value: ValueOf<A[K]> } }[keyof A];
  const armOf = (type: number): AnyCodec => {
    const arm = (arms as unknown as Readonly<Record<number, AnyCodec>>)[type];
    if (!arm) throw new XdrError(`${type} is not a known kind of value`);
    return arm;
  };
  return {
    encode: (w, v) => {
      const type = Number(v.type);
      w.int(type);
      armOf(type).encode(w, v.value);
    },
    decode: (r) => {
      const type = r.int();
      return { type, value: armOf(type).decode(r) } as Value;
    },
  };
}

/** Nothing at all: procedures without arguments or without an answer. */
export const nothing: Codec<Record<never, never>> = { encode: () => {}, decode: () => ({}) };

/** Reads and writes the same bytes as `codec`, but as another, handier type. */
export const mapped = <Wire, T>(codec: Codec<Wire>, to: (wire: Wire) => T, from: (value: T) => Wire): Codec<T> => ({
  encode: (w, v) => codec.encode(w, from(v)),
  decode: (r) => to(codec.decode(r)),
});
