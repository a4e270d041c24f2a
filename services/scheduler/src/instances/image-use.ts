/** Images and media, seen from the instances: who uses which, and for whom they are asked of the image service. */
import type { Handlers } from "@nano/bus";
import type { Actor, ImageId, Input, MediaId, UsedBy } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Database } from "../database.ts";
import type { InstanceDeps } from "./deps.ts";

/** As the image service wants to be told whom it is for. */
export const readerOf = ({
  kind,
  id,
  name,
  group,
  permissions,
}: Actor): NonNullable<Input<"image.source">["reader"]> => ({
  kind,
  id,
  name,
  ...(group === undefined ? {} : { group }),
  // What it came with (its token) is the door's business.
  permissions: [...permissions],
});

/** A page of one file shows no more names. */
const namedAtMost = 50;
const unused: UsedBy = { count: 0, instances: [] };

/** Names for who asks about one; of many only how many they are. */
const usersOf = async (
  db: Kysely<Database>,
  column: "image_id" | "media_id",
  ids: readonly (ImageId | MediaId)[],
): Promise<ReadonlyMap<string | null, UsedBy>> => {
  const [only, ...others] = ids;
  if (only === undefined) return new Map();
  const used = await db
    .selectFrom("instances")
    .select((e) => [e.ref(column).as("file"), e.fn.countAll().as("count")])
    .where(column, "in", ids)
    .groupBy(column)
    .execute();
  const counts = new Map(used.map(({ file, count }) => [file, { count: Number(count) }]));
  const [one] = counts.values();
  if (one === undefined || others.length > 0) return counts;
  const named = db.selectFrom("instances").select(["id", "name"]).where(column, "=", only);
  return new Map([[only, { ...one, instances: await named.orderBy("name_key").limit(namedAtMost).execute() }]]);
};

export const imageUseHandlers = ({
  db,
}: Pick<InstanceDeps, "db">): Pick<Handlers<"scheduler">, "image.users" | "media.users"> => ({
  "image.users": async ({ images }) => {
    const users = await usersOf(db, "image_id", images);
    return { items: images.map((image) => ({ image, usedBy: users.get(image) ?? unused })) };
  },
  "media.users": async ({ media }) => {
    const users = await usersOf(db, "media_id", media);
    return { items: media.map((one) => ({ media: one, usedBy: users.get(one) ?? unused })) };
  },
});
