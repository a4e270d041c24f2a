/**
 * Imports from a URL. The URL lies in the record's row until the import has ended, so a service that was stopped or
 * killed in the middle begins it again.
 */
import type { RequestContext } from "@nano/bus";
import type { Clock, Input } from "@nano/contract";
import type { Kysely } from "kysely";
import type { Records } from "../records/records.ts";
import type { FileRow, ImagesDatabase, Kind } from "../records/store.ts";
import { renewAttempt } from "../uploads/rows.ts";
import { type DownloadRules, download, readImportUrl } from "./download.ts";
import type { Intake } from "./intake.ts";
import { endImport, listImports } from "./rows.ts";

export interface ImportsOptions {
  readonly db: Kysely<ImagesDatabase>;
  readonly records: Pick<Records, "register">;
  readonly intake: Intake;
  readonly rules: DownloadRules;
  readonly clock: Clock;
}

export interface Imports {
  /**
   * @returns the record that it becomes, or the one that the same request began before. @throws NanoError
   * `import-refused`, `name-taken`
   */
  begin(kind: Kind, input: Input<"image.import">, context: RequestContext): Promise<FileRow>;
  /** Begins those again that an earlier life of the service left. */
  resume(): Promise<void>;
}

export const createImports = ({ db, records, intake, rules, clock }: ImportsOptions): Imports => {
  /** Those that were begun in this life: the same request sent again begins nothing. */
  const begun = new Set<string>();
  const start = (row: FileRow, url: string): void =>
    intake.take({
      row,
      open: (signal) => download({ url, promised: row.expected_sha256 !== null }, rules, signal),
      ended: async () => {
        begun.delete(row.id);
        await endImport(db, row.id);
      },
    });
  return {
    async begin(kind, { url, ...input }, context) {
      readImportUrl(url, input.sha256 !== undefined);
      const source = { from: "url", url: shownUrl(url) } as const;
      const row = await records.register(kind, { ...input, source, importUrl: url }, context);
      if (row.import_url !== null && !begun.has(row.id)) {
        begun.add(row.id);
        start(row, url);
      }
      return row;
    },
    async resume() {
      for (const row of await listImports(db)) {
        const now = clock.now();
        const renewed = await renewAttempt(db, row, now, { now });
        if (!renewed || row.import_url === null) {
          await endImport(db, row.id);
          continue;
        }
        begun.add(row.id);
        start(renewed, row.import_url);
      }
    },
  };
};

/** What of a URL is kept with the record and shown: signatures and tokens live in the query. */
export const shownUrl = (url: string): string => {
  const { origin, pathname } = new URL(url);
  return origin + pathname;
};
