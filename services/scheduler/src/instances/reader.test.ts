/** Whom an image is asked for: what their door adds to an actor (a token's id) does not travel on. */
import { expect, test } from "bun:test";
import { decode, operationOf } from "@nano/contract";
import { readerOf } from "./image-use.ts";

test("whoever asks fits the contract as a reader, whatever their door knows of them", () => {
  const actor = {
    kind: "user",
    id: "u-1",
    name: "ann",
    group: "default",
    credential: "token:0197a3f2-8c1d-7e4b-9a55-3b1f0c6d2e10",
    permissions: ["image.read"],
  } as const;
  const input = { ...Object(operationOf("image.source").example.input), reader: readerOf(actor) };
  decode(operationOf("image.source").input, input, "Reading");
  expect(input.reader).toEqual({ kind: "user", id: "u-1", name: "ann", group: "default", permissions: ["image.read"] });
});
