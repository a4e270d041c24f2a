/** Lists: sortable heads, pages by cursor, filters; all of it in the address. */
import type { Visit } from "../http/visit.ts";
import { withQuery } from "../paths.ts";
import { formatCount } from "../text/format.ts";
import { Icon } from "./icons.tsx";

/** This address with some parameters replaced; the cursor is dropped unless it is one of them. */
export const hereWith = (visit: Visit, change: Readonly<Record<string, string | undefined>>): string => {
  const query: Record<string, string | undefined> = {};
  for (const [name, value] of visit.url.searchParams) if (name !== "cursor" && name !== "from") query[name] = value;
  return withQuery(visit.url.pathname, { ...query, ...change });
};

/** A column's head; a hidden one is for screen readers, over buttons that explain themselves. */
export const Head = ({ text, class: extra, hidden = false }: { text: string; class?: string; hidden?: boolean }) => (
  <th scope="col" class={extra}>
    <span class={hidden ? "sr" : undefined} safe>
      {text}
    </span>
  </th>
);

export const SortHead = ({
  visit,
  by,
  text,
  sort,
  descending,
  class: extra,
}: {
  visit: Visit;
  by: string;
  text: string;
  sort: string;
  descending: boolean;
  class?: string;
}) => {
  const active = sort === by;
  return (
    <th scope="col" class={extra} aria-sort={active ? (descending ? "descending" : "ascending") : undefined}>
      <a
        class={active ? "sort sort-active" : "sort"}
        href={hereWith(visit, { sort: by, descending: active && !descending ? "true" : undefined })}
      >
        <span safe>{text}</span>
        <Icon name={active && descending ? "down" : "up"} />
      </a>
    </th>
  );
};

/** What list operations take from the address. */
export const pageQuery = (visit: Visit, limit: number): { limit: number; cursor?: string } => {
  const cursor = visit.query("cursor");
  return { limit, ...(cursor && cursor.length <= 256 ? { cursor } : {}) };
};

export const Pager = ({
  visit,
  shown,
  total,
  next,
}: {
  visit: Visit;
  shown: number;
  total: number;
  next: string | undefined;
}) => {
  const { t } = visit;
  const before = visit.url.searchParams.has("cursor");
  if (!before && next === undefined)
    return (
      <p class="pager quiet" safe>
        {t("{count} in all", { count: formatCount(total) })}
      </p>
    );
  return (
    <nav class="pager" aria-label={t("Pages")}>
      <span class="quiet" safe>
        {t("{shown} shown of {count}", { shown, count: formatCount(total) })}
      </span>
      <span class="pager-links">
        {before ? (
          <a class="button button-plain button-small" href={hereWith(visit, {})} rel="first" safe>
            {t("First page")}
          </a>
        ) : null}
        {next === undefined ? null : (
          <a class="button button-plain button-small" href={hereWith(visit, { cursor: next })} rel="next">
            <span safe>{t("Next page")}</span>
            <Icon name="right" />
          </a>
        )}
      </span>
    </nav>
  );
};
