/** An upload that begins while its record is being deleted: it ends, and nothing of it stays. */
import { expect, test } from "bun:test";
import { fullQcow2File } from "../testing/files.ts";
import { rawClient, requestHead } from "../testing/raw.ts";
import { patchHeaders, tus } from "../testing/tus.ts";
import { openWorld, put, until } from "../testing/world.ts";

test.each(["whole", "in pieces"])("an upload, %s", async (kind) => {
  const reached = Promise.withResolvers<void>();
  const goOn = Promise.withResolvers<void>();
  await using world = await openWorld({
    // Deletions wait until another file is stored.
    async onStage(stage) {
      if (stage !== "published") return;
      reached.resolve();
      await goOn.promise;
    },
  });
  const file = await fullQcow2File(4);
  const other = await world.create("image");
  const storing = put(other, file);
  await reached.promise;

  const ticket = await world.create("image");
  const deleting = world.bus.call("image.delete", { id: ticket.id as never });
  // It has asked who uses the image, and waits.
  await Bun.sleep(200);
  const client = await rawClient(ticket.url);
  const headers = { authorization: `Bearer ${ticket.ticket}`, "content-length": file.length };
  if (kind === "whole") await client.write(requestHead("PUT", ticket.url, headers));
  else {
    expect((await tus(ticket, "POST", { "upload-length": String(file.length) })).status).toBe(201);
    const piece = { ...headers, "tus-resumable": "1.0.0", ...patchHeaders(0) };
    await client.write(requestHead("PATCH", ticket.url, piece));
  }
  await client.write(file.subarray(0, 100_000));
  await until("it arrives", async () => (await world.state("image", ticket.id)).bytes === 100_000);
  goOn.resolve();
  await deleting;
  expect((await storing).status).toBe(200);
  expect(await world.files()).toHaveLength(1);
  // The client holds the rest back; it is answered all the same.
  expect(await client.answer("\r\n\r\n")).toStartWith("HTTP/1.1 4");
  client.vanish();
});
