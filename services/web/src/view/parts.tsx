/** The small parts pages are made of. */
import { type Children, escapeHtml } from "@kitajs/html";
import type { Visit } from "../http/visit.ts";
import { Icon, type IconName } from "./icons.tsx";

export * from "./buttons.tsx";
export * from "./error-notice.tsx";
export * from "./notice.tsx";

export const PageHead = ({ title, lead, children }: { title: string; lead?: string; children?: Children }) => (
  <div class="page-head">
    <div class="page-title">
      <h1 safe>{title}</h1>
      {lead ? (
        <p class="lead" safe>
          {lead}
        </p>
      ) : null}
    </div>
    <div class="page-actions">{children}</div>
  </div>
);

export const Panel = ({
  title,
  children,
  aside,
  class: extra = "",
}: {
  title?: string;
  children?: Children;
  aside?: Children;
  class?: string;
}) => (
  <section class={`panel ${extra}`}>
    {title ? (
      <header class="panel-head">
        <h2 safe>{title}</h2>
        <div class="panel-aside">{aside}</div>
      </header>
    ) : null}
    {children}
  </section>
);

/** Re-renders itself from this very page when one of its resources has news; htmx morphs it in place. */
export const Live = ({
  visit,
  id,
  on,
  children,
  every = "1s",
}: {
  visit: Visit;
  id: string;
  on: readonly string[];
  children?: Children;
  every?: string;
}) => (
  <div
    id={id}
    hx-get={escapeHtml(visit.here)}
    hx-select={`#${id}`}
    hx-target={`#${id}`}
    hx-swap="outerMorph ignoreTitle:true"
    hx-trigger={[...on.map((resource) => `nano:${resource} from:body throttle:${every}`), "nano:reload from:body"].join(
      ", ",
    )}
  >
    {children}
  </div>
);

export const Empty = ({
  icon,
  title,
  text,
  children,
}: {
  icon: IconName;
  title: string;
  text: string;
  children?: Children;
}) => (
  <div class="empty">
    <span class="empty-icon">
      <Icon name={icon} />
    </span>
    <h2 safe>{title}</h2>
    <p safe>{text}</p>
    <div class="empty-actions">{children}</div>
  </div>
);

export const Time = ({ at, relative = false }: { at: string; relative?: boolean }) => (
  <time datetime={at} data-relative={relative ? "" : undefined} safe>
    {`${at.slice(0, 10)} ${at.slice(11, 19)} UTC`}
  </time>
);

export interface Fact {
  readonly term: string;
  readonly value: Children;
}
/** Terms and their values. The values are markup made by the caller's components. */
export const Facts = ({ children }: { children?: Children }) => <dl class="facts">{children}</dl>;
export const FactRow = ({ term, children }: { term: string; children?: Children }) => (
  <div class="fact">
    <dt safe>{term}</dt>
    <dd>{children}</dd>
  </div>
);

export const Copy = ({ visit, text, label }: { visit: Visit; text: string; label?: string }) => (
  <button
    type="button"
    class="icon-button js-only"
    data-copy={escapeHtml(text)}
    title={escapeHtml(label ?? visit.t("Copy"))}
    aria-label={escapeHtml(label ?? visit.t("Copy"))}
  >
    <Icon name="copy" />
  </button>
);

/** A value to be copied: an id, a checksum, a fingerprint. */
export const Mono = ({ visit, text, short }: { visit: Visit; text: string; short?: number }) => (
  <span class="mono-copy">
    <code title={short ? escapeHtml(text) : undefined} safe>
      {short && text.length > short ? `${text.slice(0, short)}…` : text}
    </code>
    <Copy visit={visit} text={text} />
  </span>
);
