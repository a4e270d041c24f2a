/** The small parts pages are made of. */
import { type Children, escapeHtml } from "@kitajs/html";
import { errorDefinitions, isErrorCode, type NanoError } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { Icon, type IconName } from "./icons.tsx";

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

export const Notice = ({ tone, children }: { tone: "info" | "warn" | "bad" | "good"; children?: Children }) => (
  <div class={`notice notice-${tone}`} role={tone === "bad" ? "alert" : "note"}>
    <Icon name={tone === "info" ? "info" : tone === "good" ? "check" : "warning"} />
    <div>{children}</div>
  </div>
);

/** What an owner refused or a task ended with, and what to do about it. */
export const ErrorNotice = ({
  visit,
  error,
}: {
  visit: Visit;
  error: Pick<NanoError, "message" | "remedy"> & { readonly code: string };
}) => (
  <Notice tone="bad">
    <p>
      <b safe>{isErrorCode(error.code) ? visit.say(errorDefinitions[error.code].title) : error.code}</b>
    </p>
    <p safe>{error.message}</p>
    <p class="quiet">
      <span safe>{visit.say(error.remedy)}</span>{" "}
      <a href={to.error(error.code)} safe>
        {visit.t("What does this mean?")}
      </a>
    </p>
  </Notice>
);

export interface ButtonLook {
  readonly label: string;
  readonly icon?: IconName;
  readonly kind?: "primary" | "danger" | "plain";
  readonly small?: boolean;
}
const buttonClass = ({ kind = "plain", small }: ButtonLook): string =>
  `button button-${kind}${small ? " button-small" : ""}`;

export const LinkButton = ({ href, look, boosted = true }: { href: string; look: ButtonLook; boosted?: boolean }) => (
  <a class={buttonClass(look)} href={href} hx-boost={boosted ? undefined : "false"}>
    {look.icon ? <Icon name={look.icon} /> : null}
    <span safe>{look.label}</span>
  </a>
);

export const SubmitButton = ({
  look,
  name,
  value,
  novalidate,
}: {
  look: ButtonLook;
  name?: string;
  value?: string;
  novalidate?: boolean;
}) => (
  <button type="submit" class={buttonClass(look)} name={name} value={value} formnovalidate={novalidate}>
    {look.icon ? <Icon name={look.icon} /> : null}
    <span safe>{look.label}</span>
  </button>
);

/**
 * A button that is there but cannot be pressed, and says why: as its tooltip, and as its accessible description. `aria-disabled` instead of
 * `disabled` keeps it reachable by keyboard, so that everyone can find the reason.
 */
export const DisabledButton = ({ look, why }: { look: ButtonLook; why: string }) => (
  <span class="why" data-why={escapeHtml(why)}>
    <button type="button" class={`${buttonClass(look)} is-disabled`} aria-disabled="true" title={escapeHtml(why)}>
      {look.icon ? <Icon name={look.icon} /> : null}
      <span safe>{look.label}</span>
      <span class="sr" safe>
        {` – ${why}`}
      </span>
    </button>
  </span>
);

/** One button that posts: start, enable, … `key` makes a double click one effect. */
export const ActionButton = ({
  action,
  look,
  fields = {},
}: {
  action: string;
  look: ButtonLook;
  fields?: Readonly<Record<string, string>>;
}) => (
  <form method="post" action={action} class="inline">
    <input type="hidden" name="key" value={crypto.randomUUID()} />
    {Object.entries(fields).map(([name, value]) => (
      <input type="hidden" name={name} value={escapeHtml(value)} />
    ))}
    <SubmitButton look={look} />
  </form>
);

/** Opens the confirmation page at `href`; with JavaScript inside the page's dialog. */
export const ConfirmLink = ({ href, look }: { href: string; look: ButtonLook }) => (
  <a
    class={buttonClass(look)}
    href={href}
    hx-get={href}
    hx-target="#dialog-body"
    hx-select="#confirm"
    hx-swap="innerHTML ignoreTitle:true"
    data-dialog
  >
    {look.icon ? <Icon name={look.icon} /> : null}
    <span safe>{look.label}</span>
  </a>
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
