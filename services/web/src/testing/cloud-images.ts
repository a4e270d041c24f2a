/** What the image service answers. */
import type { Handlers } from "@nano/bus";
import { type Bytes, NanoError, operations } from "@nano/contract";
import { type Cloud, now, page, taken } from "./cloud.ts";

export const imageHandlers = (cloud: Cloud): Handlers<"images"> => {
  const ticket = (kind: string, id: string) => ({
    url: `${cloud.imagesUrl}/upload/${id}`,
    ticket: `${kind}-ticket`,
    expiresAt: now(),
  });
  const { example: source } = operations["image.source"];
  return {
    "image.list": (input) =>
      page(
        [...cloud.images.values()].filter(
          ({ state, name }) =>
            (!input.state || state === input.state) && (!input.search || name.includes(input.search)),
        ),
        input,
      ),
    "image.get": ({ id }) => cloud.one(cloud.images, id, "image-not-found"),
    "image.create": ({ name, description = "", tags = [] }) => {
      taken(cloud.images, name);
      const image = cloud.addImage(name, { description, tags, state: "uploading", bytes: 0 as Bytes });
      return { image, upload: ticket("image", image.id) };
    },
    "image.upload": ({ id }) => ticket("image", id),
    "image.delete": ({ id }) => {
      cloud.images.delete(id);
      return {};
    },
    "image.begin": () => ({}),
    "image.import": ({ name, description = "", tags = [], url }) => {
      taken(cloud.images, name);
      return cloud.addImage(name, { description, tags, state: "uploading", source: { from: "url", url } });
    },
    "image.sync": () => {
      const { id } = cloud.addImage("golden", { source: { from: "directory", file: "golden.qcow2" } });
      const error = new NanoError("import-refused", "'new.img' was written to just now").toBody();
      return {
        directory: "/srv/nano/incoming",
        items: [
          { file: "golden.qcow2", id },
          { file: "new.img", error },
        ],
      };
    },
    "media.import": ({ name, description = "", tags = [], url }) => {
      taken(cloud.media, name);
      return cloud.addMedia(name, { description, tags, state: "uploading", source: { from: "url", url } });
    },
    "media.sync": () => ({ directory: "/srv/nano/incoming", items: [] }),
    "image.source": () => source.output,
    "media.list": (input) =>
      page(
        [...cloud.media.values()].filter(({ state }) => !input.state || state === input.state),
        input,
      ),
    "media.get": ({ id }) => cloud.one(cloud.media, id, "media-not-found"),
    "media.create": ({ name, description = "", tags = [] }) => {
      taken(cloud.media, name);
      const media = cloud.addMedia(name, { description, tags, state: "uploading", bytes: 0 as Bytes });
      return { media, upload: ticket("media", media.id) };
    },
    "media.upload": ({ id }) => ticket("media", id),
    "media.delete": ({ id }) => {
      const [user] = [...cloud.instances.values()].filter((one) => one.media?.id === id);
      if (user) throw new NanoError("in-use", `It is in the drive of ${user.name}`);
      cloud.media.delete(id);
      return {};
    },
    "media.source": () => operations["media.source"].example.output,
  };
};
