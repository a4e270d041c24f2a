import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";

/** A place on the way from the zone to here; the last one has no path. */
export interface Crumb {
  readonly text: string;
  readonly path?: string;
}

export const Crumbs = ({ visit, crumbs }: { visit: Visit; crumbs: readonly Crumb[] }) => (
  <nav class="crumbs" aria-label={visit.t("Where you are")}>
    <ol>
      <li>
        {crumbs.length > 0 ? (
          <a href={to.dashboard} safe>
            {visit.facts.config.zone}
          </a>
        ) : (
          <span aria-current="page" safe>
            {visit.facts.config.zone}
          </span>
        )}
      </li>
      {crumbs.map(({ text, path }) => (
        <li>
          {path ? (
            <a href={path} safe>
              {text}
            </a>
          ) : (
            <span aria-current="page" safe>
              {text}
            </span>
          )}
        </li>
      ))}
    </ol>
  </nav>
);
