import { defaultGroup } from "@nano/contract";
import { idempotencyMigration, type Migrations, outboxMigration } from "@nano/store";

export const migrations: Migrations = {
  "001-outbox": outboxMigration,
  "002-idempotency": idempotencyMigration,
  "003-file": {
    async up(db) {
      await db.schema
        .createTable("file")
        .addColumn("id", "text", (c) => c.primaryKey())
        .addColumn("kind", "text", (c) => c.notNull())
        .addColumn("name", "text", (c) => c.notNull())
        .addColumn("description", "text", (c) => c.notNull())
        .addColumn("tags", "text", (c) => c.notNull())
        .addColumn("search", "text", (c) => c.notNull())
        .addColumn("state", "text", (c) => c.notNull())
        .addColumn("error", "text")
        .addColumn("bytes", "bigint", (c) => c.notNull())
        .addColumn("expected_bytes", "bigint")
        .addColumn("expected_sha256", "text")
        .addColumn("sha256", "text")
        .addColumn("virtual_bytes", "bigint")
        .addColumn("volume_label", "text")
        .addColumn("owner", "text", (c) => c.notNull())
        .addColumn("attempt", "integer", (c) => c.notNull())
        .addColumn("begun", "integer", (c) => c.notNull())
        .addColumn("ticket_until", "bigint", (c) => c.notNull())
        .addColumn("created_at", "bigint", (c) => c.notNull())
        .addColumn("modified_at", "bigint", (c) => c.notNull())
        .addColumn("revision", "integer", (c) => c.notNull())
        .execute();
      await db.schema.createIndex("file_name").unique().on("file").columns(["kind", "name"]).execute();
      await db.schema.createIndex("file_sha256").on("file").column("sha256").execute();
      await db.schema.createIndex("file_state").on("file").column("state").execute();
    },
  },
  "004-exported-from": {
    async up(db) {
      await db.schema.alterTable("file").addColumn("exported_from", "text").execute();
    },
  },
  "005-resumable": {
    async up(db) {
      await db.schema.alterTable("file").addColumn("part", "text").execute();
      await db.schema.alterTable("file").addColumn("part_sha256", "text").execute();
    },
  },
  "006-format": {
    async up(db) {
      await db.schema.alterTable("file").addColumn("declared_format", "text").execute();
      await db.schema.alterTable("file").addColumn("converted_from", "text").execute();
    },
  },
  "008-source": {
    async up(db) {
      const uploaded = JSON.stringify({ from: "upload" });
      await db.schema
        .alterTable("file")
        .addColumn("source", "text", (c) => c.notNull().defaultTo(uploaded))
        .execute();
      const exported = await db.selectFrom("file").select(["id", "exported_from"]).execute();
      for (const { id, exported_from } of exported) {
        if (exported_from === null) continue;
        const source = JSON.stringify({ from: "instance", ...JSON.parse(exported_from) });
        await db.updateTable("file").set({ source }).where("id", "=", id).execute();
      }
      await db.schema.alterTable("file").dropColumn("exported_from").execute();
    },
  },
  "009-import": {
    async up(db) {
      await db.schema.alterTable("file").addColumn("import_url", "text").execute();
    },
  },
  "010-visibility": {
    async up(db) {
      // Whoever might see what was there before may see it still.
      await db.schema
        .alterTable("file")
        .addColumn("visibility", "text", (c) => c.notNull().defaultTo("public"))
        .execute();
      await db.schema
        .alterTable("file")
        .addColumn("owner_group", "text", (c) => c.notNull().defaultTo(defaultGroup))
        .execute();
      await db.schema.alterTable("file").addColumn("minimum_gib", "integer").execute();
      await db.schema.dropIndex("file_name").execute();
      await db.schema.createIndex("file_name").unique().on("file").columns(["kind", "owner_group", "name"]).execute();
    },
  },
  "011-blob-check": {
    async up(db) {
      await db.schema
        .createTable("blob_check")
        .addColumn("sha256", "text", (c) => c.primaryKey())
        .addColumn("modified_at", "bigint", (c) => c.notNull())
        .addColumn("checked_at", "bigint", (c) => c.notNull())
        .execute();
    },
  },
  "012-claimed-bytes": {
    async up(db) {
      await db.schema
        .alterTable("file")
        .addColumn("claimed_bytes", "bigint", (c) => c.notNull().defaultTo(0))
        .execute();
      await db
        .updateTable("file")
        .set((e) => ({ claimed_bytes: e.ref("bytes") }))
        .execute();
      await db.schema.createIndex("file_owner").on("file").column("owner").execute();
    },
  },
  "013-rendition": {
    async up(db) {
      await db.schema
        .createTable("rendition")
        .addColumn("image", "text", (c) => c.notNull())
        .addColumn("format", "text", (c) => c.notNull())
        .addColumn("source_sha256", "text", (c) => c.notNull())
        .addColumn("state", "text", (c) => c.notNull())
        .addColumn("error", "text")
        .addColumn("sha256", "text")
        .addColumn("bytes", "bigint")
        .addColumn("disk_bytes", "bigint", (c) => c.notNull())
        .addColumn("asked_by", "text", (c) => c.notNull())
        .addColumn("used_at", "bigint", (c) => c.notNull())
        .addPrimaryKeyConstraint("rendition_pk", ["image", "format"])
        .execute();
      await db.schema.createIndex("rendition_sha256").on("rendition").column("sha256").execute();
    },
  },
  "014-unpacked": {
    async up(db) {
      await db.schema.alterTable("file").addColumn("unpacked_from", "text").execute();
      await db.schema
        .alterTable("file")
        .addColumn("forget_refused", "integer", (c) => c.notNull().defaultTo(0))
        .execute();
    },
  },
};
