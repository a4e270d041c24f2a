/** An image in other formats, without JavaScript: asked for, followed, downloaded, ended. */
import { expect, test } from "bun:test";
import { type Bytes, NanoError, type Rendition, renditionFormats, timestamp } from "@nano/contract";
import { startWorld } from "./testing/world.ts";

const made: Rendition = {
  format: "vhdx",
  state: "ready",
  bytes: 700_000_000 as Bytes,
  sha256: "b".repeat(64) as never,
  keptUntil: timestamp(Date.parse("2026-11-26T12:00:00Z")),
};

test("an image's page offers every format; what is asked for is converted, and shown as it goes", async () => {
  await using world = await startWorld();
  const person = world.person();
  const { id } = world.cloud.addImage("debian", { renditions: [made] });
  const shown = `/images/${id}`;
  const before = await person.get(shown);
  for (const format of renditionFormats) expect(before.text).toContain(`<option value="${format}"`);
  expect(before.text).toContain(`action="${shown}/renditions"`);
  expect(before.text).toContain(`/images/${id}/renditions/vmdk`);
  expect(before.text).toContain("668 MiB");

  expect(await person.post(`${shown}/renditions`, { format: "vmdk-stream" })).toMatchObject({ location: shown });
  const converting = await person.get(shown);
  expect(converting.text).toContain("converting 0 %");
  expect(converting.text).toContain(`action="${shown}/renditions/vmdk-stream/discard"`);
  expect(converting.text).not.toContain(`${shown}/download?format=vmdk-stream`);

  expect(await person.post(`${shown}/renditions/vmdk-stream/discard`, {})).toMatchObject({ location: shown });
  expect(world.cloud.images.get(id)?.renditions).toEqual([made]);
  expect((await person.post(`${shown}/renditions`, { format: "qed" })).status).toBe(404);
  const chinese = await person.get(shown, { "accept-language": "zh" });
  for (const text of ["其他格式的文件", "以其他格式下载"]) expect(chinese.text).toContain(text);
});

test("one that is ready is a link in its format; one that failed says why, and is tried again", async () => {
  const asked: (string | null)[] = [];
  const images = Bun.serve({
    port: 0,
    hostname: "127.0.0.1",
    fetch(request) {
      asked.push(request.headers.get("authorization"));
      return new Response("vhdx");
    },
  });
  try {
    await using world = await startWorld({ imagesUrl: `http://127.0.0.1:${images.port}` });
    const person = world.person();
    const error = new NanoError("disk-full", "The file needs 100 bytes; there is room for 1").toBody();
    const { id } = world.cloud.addImage("debian", { renditions: [made, { format: "vdi", state: "failed", error }] });
    const { text } = await person.get(`/images/${id}`);
    const link = `/images/${id}/download?format=vhdx`;
    expect(text).toContain(`href="${link}"`);
    for (const words of ["there is room for 1", "Try again"]) expect(text).toContain(words);
    expect((await person.get(link)).text).toBe("vhdx");
    expect((await person.get(`/images/${id}/download?format=../x`)).status).toBe(404);
    expect(asked).toEqual([`Bearer ${id}-vhdx-ticket`]);
  } finally {
    await images.stop(true);
  }
});

test("media, and what is not ready, have no other formats", async () => {
  await using world = await startWorld();
  const person = world.person();
  const uploading = world.cloud.addImage("coming", { state: "uploading" });
  for (const path of [`/images/${uploading.id}`, `/media/${world.cloud.addMedia("rescue").id}`])
    expect((await person.get(path)).text).not.toContain("/renditions");
});
