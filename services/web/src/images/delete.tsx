/** Deleting a file: what is lost, and whom it concerns. */
import { readForm } from "../http/forms.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { formatBytes } from "../text/format.ts";
import { confirmPage } from "../view/confirm.tsx";
import type { Kind, StoredFile } from "./kinds.ts";

/** The instances that use it, as links; those that are too many, or not for these eyes, as their number. */
export const UsedByLinks = ({ visit, file }: { visit: Visit; file: StoredFile }) => {
  const { count, instances = [] } = file.usedBy ?? { count: 0 };
  const more = count - instances.length;
  return (
    <span class="chips">
      {instances.map(({ id, name }) => (
        <a class="chip" href={to.instance(id)} safe>
          {name}
        </a>
      ))}
      {more > 0 ? (
        <span class="quiet" safe>
          {instances.length === 0
            ? visit.t("{count} instances", { count: more })
            : visit.t("and {count} more", { count: more })}
        </span>
      ) : null}
    </span>
  );
};

const ask =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const { t } = visit;
    const file = await kind.get(visit);
    const { id, name, bytes, usedBy } = file;
    const title = t("Delete {name}?", { name });
    const used = usedBy !== undefined && usedBy.count > 0;
    const force = used ? { force: true } : {};
    return confirmPage(
      visit,
      {
        title,
        section: kind.section,
        crumbs: [
          { text: t(kind.text.many), path: to.files(kind.kind) },
          { text: name, path: to.file(kind.kind, id) },
          { text: t("Delete") },
        ],
      },
      {
        title,
        losses: [
          t("The file ({size}) and its record.", { size: formatBytes(bytes) }),
          ...(used
            ? [t("Instances use it: {count}.", { count: usedBy.count }), t(kind.text.inUse)]
            : [t("No instance uses it.")]),
        ],
        action: to.fileDelete(kind.kind, id),
        back: to.file(kind.kind, id),
        button: used ? t("Delete it anyway") : t("Delete it"),
        fields: used ? [["force", "yes"]] : [],
        commands: [{ operation: kind.kind === "image" ? "image.delete" : "media.delete", input: { id, ...force } }],
      },
      used ? <UsedByLinks visit={visit} file={file} /> : null,
    );
  };

const remove =
  (kind: Kind) =>
  async (visit: Visit): Promise<Response> => {
    const form = await readForm(visit.facts.request);
    const { id, name } = await kind.get(visit);
    const key = form.text("key") || crypto.randomUUID();
    const gone = await kind.delete(visit, key, form.text("force") === "yes");
    if (!gone.ok) return seeOther(visit, to.file(kind.kind, id), failedFlash(gone.error));
    return seeOther(visit, to.files(kind.kind), { kind: "done", text: kind.text.deleted, values: { name } });
  };

export const deleteRoutes = (kind: Kind): Route[] => [
  get(`${to.files(kind.kind)}/:id/delete`, ask(kind)),
  post(`${to.files(kind.kind)}/:id/delete`, remove(kind)),
];
