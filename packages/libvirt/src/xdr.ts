/**
 * XDR, the External Data Representation of RFC 4506, as libvirt uses it.
 *
 * Theory. Everything on the wire is big-endian and padded to a multiple of four bytes; nothing carries a tag, so both
 * sides must agree on the type. A type is therefore a value here: a {@link Codec} knows how to write and how to read
 * one. Small codecs combine into bigger ones (`struct`, `array`, `optional`, `union`) and TypeScript infers the shape
 * of the value from the combination, so that a procedure's declaration is at once its documentation, its encoder, its
 * decoder and its type.
 *
 * Readers never trust a length: each is checked against the type's own limit and against the bytes that are there,
 * before anything is allocated.
 */

/** The bytes do not fit the type (truncated, over a limit, unknown tag), or a value does not fit it. */
export class XdrError extends Error {
  override readonly name = "XdrError";
}

const UTF8_ENCODER = new TextEncoder();
const UTF8_DECODER = new TextDecoder("utf-8", { fatal: false, ignoreBOM: true });
const TWO_32 = 0x1_0000_0000;

const padding = (length: number): number => -length & 3;

/** Grows as it is written. `finish()` returns a view of what was written; the writer must not be used after it. */
export class XdrWriter {
  #bytes: Uint8Array;
  #view: DataView;
  #length = 0;

  constructor(capacity = 256) {
    this.#bytes = new Uint8Array(capacity);
    this.#view = new DataView(this.#bytes.buffer);
  }

  get length(): number {
    return this.#length;
  }

  int(value: number): void {
    if (!Number.isInteger(value) || value < -0x8000_0000 || value > 0x7fff_ffff) {
      throw new XdrError(`${value} is not a 32-bit signed integer`);
    }
    const at = this.#take(4);
    this.#view.setInt32(at, value);
  }

  uint(value: number): void {
    if (!Number.isInteger(value) || value < 0 || value > 0xffff_ffff) {
      throw new XdrError(`${value} is not a 32-bit unsigned integer`);
    }
    const at = this.#take(4);
    this.#view.setUint32(at, value);
  }

  hyper(value: bigint): void {
    if (BigInt.asIntN(64, value) !== value) throw new XdrError(`${value} is not a 64-bit signed integer`);
    const at = this.#take(8);
    this.#view.setBigInt64(at, value);
  }

  uhyper(value: bigint): void {
    if (BigInt.asUintN(64, value) !== value) throw new XdrError(`${value} is not a 64-bit unsigned integer`);
    const at = this.#take(8);
    this.#view.setBigUint64(at, value);
  }

  float(value: number): void {
    const at = this.#take(4);
    this.#view.setFloat32(at, value);
  }

  double(value: number): void {
    const at = this.#take(8);
    this.#view.setFloat64(at, value);
  }

  /** Bytes and their padding, without a length. */
  fixed(value: Uint8Array): void {
    const at = this.#take(value.length + padding(value.length));
    this.#bytes.set(value, at);
    this.#bytes.fill(0, at + value.length, this.#length);
  }

  string(value: string, max: number): void {
    const encoded = UTF8_ENCODER.encode(value);
    if (encoded.length > max) throw new XdrError(`a string of ${encoded.length} bytes is over its limit of ${max}`);
    // libvirt reads strings into C: what follows a NUL would be lost without a word.
    if (value.includes("\0")) throw new XdrError("a string may not contain a NUL character");
    this.uint(encoded.length);
    this.fixed(encoded);
  }

  /** Overwrites four bytes written before: message lengths are known last. */
  patchUint(offset: number, value: number): void {
    this.#view.setUint32(offset, value);
  }

  finish(): Uint8Array {
    return this.#bytes.subarray(0, this.#length);
  }

  /** Makes room. It may replace the view, so take it only afterwards. */
  #take(size: number): number {
    const at = this.#length;
    this.#length += size;
    if (this.#length > this.#bytes.length) {
      const grown = new Uint8Array(Math.max(this.#length, this.#bytes.length * 2));
      grown.set(this.#bytes);
      this.#bytes = grown;
      this.#view = new DataView(grown.buffer);
    }
    return at;
  }
}

/** Reads from a view of the bytes it is given; opaque values are views too, not copies. */
export class XdrReader {
  readonly #bytes: Uint8Array;
  readonly #view: DataView;
  #offset = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  }

  get remaining(): number {
    return this.#bytes.length - this.#offset;
  }

  int(): number {
    return this.#view.getInt32(this.#take(4));
  }

  uint(): number {
    return this.#view.getUint32(this.#take(4));
  }

  hyper(): bigint {
    return this.#view.getBigInt64(this.#take(8));
  }

  uhyper(): bigint {
    return this.#view.getBigUint64(this.#take(8));
  }

  /** An unsigned hyper as a double: exact up to 2^53, then rounded. */
  count(): number {
    const at = this.#take(8);
    return this.#view.getUint32(at) * TWO_32 + this.#view.getUint32(at + 4);
  }

  float(): number {
    return this.#view.getFloat32(this.#take(4));
  }

  double(): number {
    return this.#view.getFloat64(this.#take(8));
  }

  fixed(length: number): Uint8Array {
    const at = this.#take(length + padding(length));
    return this.#bytes.subarray(at, at + length);
  }

  /** The length of something variable, refused if it is over its limit. */
  size(max: number, what: string): number {
    const length = this.uint();
    if (length > max) throw new XdrError(`${what} of ${length} is over its limit of ${max}`);
    return length;
  }

  string(max: number): string {
    return UTF8_DECODER.decode(this.fixed(this.size(max, "a string")));
  }

  /** A message that is longer than its type was not of that type. */
  end(): void {
    if (this.remaining > 0) throw new XdrError(`${this.remaining} bytes are left over`);
  }

  #take(size: number): number {
    const at = this.#offset;
    if (size > this.#bytes.length - at) {
      throw new XdrError(`truncated: ${size} bytes wanted at ${at}, ${this.#bytes.length - at} there`);
    }
    this.#offset = at + size;
    return at;
  }
}
