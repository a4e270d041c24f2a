/** What the image service answers. */
import type { Handlers } from "@nano/bus";
import { type Bytes, type Image, type Input, type Media, NanoError, operations, type UsedBy } from "@nano/contract";
import { type Cloud, now, page, taken } from "./cloud.ts";

/** Whose disks are made of it, or who has it in the drive. */
export const usedBy = (cloud: Cloud, id: string): UsedBy => {
  const instances = [...cloud.instances.values()]
    .filter(({ media, disks }) => media?.id === id || disks.some(({ image }) => image?.id === id))
    .map((one) => ({ id: one.id, name: one.name }));
  return { count: instances.length, instances };
};

const renditionsBut = ({ renditions = [] }: Image, format: string) =>
  renditions.filter((rendition) => rendition.format !== format);

export const imageHandlers = (cloud: Cloud): Handlers<"images"> => {
  const ticket = (kind: string, id: string) => ({
    url: `${cloud.imagesUrl}/upload/${id}`,
    ticket: `${kind}-ticket`,
    expiresAt: now(),
  });
  const download = ({ id, name, bytes, format }: Image | Media, wanted: string = format) => ({
    url: `${cloud.imagesUrl}/download/${id}`,
    ticket: wanted === format ? `${id}-ticket` : `${id}-${wanted}-ticket`,
    expiresAt: now(),
    fileName: `${name}.${wanted}`,
    bytes,
    sha256: operations["image.download"].example.output.sha256,
  });
  const { example: source } = operations["image.source"];

  const found = <T extends Image | Media>(
    items: Iterable<T>,
    { state, search, visibility, ...paging }: Input<"image.list">,
  ) =>
    page(
      [...items]
        .filter((file) => !state || file.state === state)
        .filter((file) => !visibility || file.visibility === visibility)
        .filter((file) => !search || file.name.includes(search))
        .map((file) => ({ ...file, usedBy: { count: usedBy(cloud, file.id).count } })),
      paging,
    );
  const modified = <T extends Image | Media>(
    map: Map<string, T>,
    before: T,
    { revision, ...changes }: Partial<T>,
  ): T => {
    if (revision !== undefined && revision !== before.revision)
      throw new NanoError("revision-mismatch", `'${before.name}' was changed meanwhile`);
    if (changes.name !== undefined && changes.name !== before.name) taken(map, changes.name);
    const after = { ...before, ...changes, revision: before.revision + 1 };
    map.set(before.id, after);
    return after;
  };
  const remove = (
    map: Map<string, Image | Media>,
    { id, force = false }: Input<"image.delete"> | Input<"media.delete">,
  ) => {
    const users = usedBy(cloud, id).instances ?? [];
    if (users.length > 0 && !force)
      throw new NanoError(
        "in-use",
        `${map === cloud.media ? "It is in the drive of" : "It is used by"} ${users.map(({ name }) => name).join(", ")}`,
      );
    map.delete(id);
    return {};
  };

  return {
    "image.list": (input) => found(cloud.images.values(), input),
    "image.get": ({ id }) => ({ ...cloud.one(cloud.images, id, "image-not-found"), usedBy: usedBy(cloud, id) }),
    "image.create": ({ name, description = "", tags = [], visibility = "private", minimumDiskGiB }) => {
      taken(cloud.images, name);
      const said = { description, tags, visibility, ...(minimumDiskGiB ? { minimumDiskGiB } : {}) };
      const image = cloud.addImage(name, { ...said, state: "uploading", bytes: 0 as Bytes });
      return { image, upload: ticket("image", image.id) };
    },
    "image.upload": ({ id }) => ticket("image", id),
    "image.modify": (input) => modified(cloud.images, cloud.one(cloud.images, input.id, "image-not-found"), input),
    "image.download": ({ id, format }) => download(cloud.one(cloud.images, id, "image-not-found"), format),
    "image.convert": ({ id, format }) => {
      const image = cloud.one(cloud.images, id, "image-not-found");
      const rendition = { format, state: "converting", progress: 0 } as const;
      cloud.images.set(id, { ...image, renditions: [...renditionsBut(image, format), rendition] });
      return rendition;
    },
    "image.discard": ({ id, format }) => {
      const image = cloud.one(cloud.images, id, "image-not-found");
      cloud.images.set(id, { ...image, renditions: renditionsBut(image, format) });
      return {};
    },
    "image.delete": (input) => remove(cloud.images, input),
    "image.begin": () => ({}),
    "image.import": ({ name, description = "", tags = [], url, minimumDiskGiB }) => {
      taken(cloud.images, name);
      const said = { description, tags, ...(minimumDiskGiB ? { minimumDiskGiB } : {}) };
      return cloud.addImage(name, { ...said, state: "uploading", source: { from: "url", url } });
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
    "image.identify": () => ({ items: [] }),
    "media.list": (input) => found(cloud.media.values(), input),
    "media.get": ({ id }) => ({ ...cloud.one(cloud.media, id, "media-not-found"), usedBy: usedBy(cloud, id) }),
    "media.create": ({ name, description = "", tags = [], visibility = "private" }) => {
      taken(cloud.media, name);
      const media = cloud.addMedia(name, { description, tags, visibility, state: "uploading", bytes: 0 as Bytes });
      return { media, upload: ticket("media", media.id) };
    },
    "media.upload": ({ id }) => ticket("media", id),
    "media.modify": (input) => modified(cloud.media, cloud.one(cloud.media, input.id, "media-not-found"), input),
    "media.download": ({ id }) => download(cloud.one(cloud.media, id, "media-not-found")),
    "media.delete": (input) => remove(cloud.media, input),
    "media.source": () => operations["media.source"].example.output,
  };
};
