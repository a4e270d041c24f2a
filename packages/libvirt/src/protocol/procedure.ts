import { type Codec, type StructOf, struct } from "../codec.ts";
import type { XdrReader } from "../xdr.ts";

/** Program numbers and versions, one number space of procedures each. */
export const Program = {
  remote: { number: 0x2000_8086, version: 1 },
  qemu: { number: 0x2000_8087, version: 1 },
  keepalive: { number: 0x6b65_6570, version: 1 },
} as const;
export type Program = (typeof Program)[keyof typeof Program];

type Shape = Record<string, { decode(reader: XdrReader): unknown }>;

/** One remote procedure: where it is and what goes in and comes out. */
export interface Procedure<A, R> {
  readonly program: Program;
  readonly number: number;
  readonly args: Codec<A>;
  readonly ret: Codec<R>;
}

/** A message the daemon sends on its own account. */
export interface EventMessage<T> {
  readonly program: Program;
  readonly number: number;
  readonly body: Codec<T>;
}

/** Declares a procedure of the remote program: its number, `remote_…_args` and `remote_…_ret` of remote_protocol.x. */
export const remote = <A extends Shape, R extends Shape>(
  number: number,
  args: A,
  ret: R,
): Procedure<StructOf<A>, StructOf<R>> => ({ program: Program.remote, number, args: struct(args), ret: struct(ret) });

/** Declares a procedure of the QEMU program (qemu_protocol.x). */
export const qemu = <A extends Shape, R extends Shape>(
  number: number,
  args: A,
  ret: R,
): Procedure<StructOf<A>, StructOf<R>> => ({ program: Program.qemu, number, args: struct(args), ret: struct(ret) });

/** Declares an event of the remote program: `remote_…_msg`. */
export const event = <B extends Shape>(number: number, body: B): EventMessage<StructOf<B>> => ({
  program: Program.remote,
  number,
  body: struct(body),
});
