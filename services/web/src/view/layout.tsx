/**
 * The frame around every page. `#page` is what navigation replaces; `#toasts` and the dialog outlive it, so that a
 * screen reader hears a toast and an open question is not lost to a refresh.
 */
import { type Children, escapeHtml } from "@kitajs/html";
import { mayDo } from "@nano/contract";
import { assetPath } from "../http/assets.ts";
import { htmlResponse } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { languageNames, languages } from "../text/translate.ts";
import { type Crumb, Crumbs } from "./crumbs.tsx";
import { Icon, type IconName, Mark } from "./icons.tsx";
import { Toast } from "./toast.tsx";

export type Section = "dashboard" | "instances" | "pools" | "images" | "media" | "tasks" | "tokens";
/** What a page follows: all events of a resource, or of one. */
export type Topic =
  | "pool"
  | "cell"
  | "instance"
  | "task"
  | "image"
  | "media"
  | "token"
  | `${"instance" | "cell" | "task" | "image" | "media"}:${string}`;

export interface PageOptions {
  readonly title: string;
  readonly section?: Section;
  readonly crumbs?: readonly Crumb[];
  readonly status?: number;
  readonly topics?: readonly Topic[];
  /** Without JavaScript the page reloads itself after so many seconds. */
  readonly refreshSeconds?: number;
  /** The page uses the whole width. */
  readonly wide?: boolean;
  /** In a window of its own: without the navigation. */
  readonly alone?: boolean;
  readonly headers?: Record<string, string>;
}

const sections: readonly { id: Section; path: string; icon: IconName; text: ChineseKey }[] = [
  { id: "dashboard", path: to.dashboard, icon: "dashboard", text: "Dashboard" },
  { id: "instances", path: to.instances, icon: "instance", text: "Instances" },
  { id: "pools", path: to.pools, icon: "pool", text: "Pools & cells" },
  { id: "images", path: to.files("image"), icon: "image", text: "Images" },
  { id: "media", path: to.files("media"), icon: "media", text: "Media" },
  { id: "tasks", path: to.tasks, icon: "task", text: "Tasks" },
  { id: "tokens", path: to.tokens, icon: "key", text: "API tokens" },
];

/**
 * htmx without eval, without foreign hosts, without injected styles. `mode` is what forbids other origins in htmx 4.
 */
const htmxConfig = JSON.stringify({
  includeIndicatorCSS: false,
  extensions: "sse,nano",
  mode: "same-origin",
  defaultTimeout: 20_000,
  history: true,
});
/** Links and forms inside become requests whose `#page` replaces ours; toasts come along. */
export const boost = 'target:"#page" select:"#page" swap:"outerHTML" selectOOB:"#toasts:beforeend"';

const Head = ({ visit, options }: { visit: Visit; options: PageOptions }) => (
  <head>
    <meta charset="utf-8" />
    <meta name="viewport" content="width=device-width, initial-scale=1" />
    <meta name="color-scheme" content="light dark" />
    <meta name="htmx-config" content={escapeHtml(htmxConfig)} />
    {options.refreshSeconds ? (
      <noscript>
        <meta http-equiv="refresh" content={String(options.refreshSeconds)} />
      </noscript>
    ) : null}
    <title safe>{`${options.title} · ${visit.facts.config.zone}`}</title>
    <link rel="icon" href={assetPath("mark.svg")} type="image/svg+xml" />
    <link rel="stylesheet" href={assetPath("app.css")} />
    <script src={assetPath("htmx.js")} defer />
    <script src={assetPath("hx-sse.js")} defer />
    <script src={assetPath("app.js")} type="module" />
  </head>
);

const Preference = ({
  visit,
  name,
  value,
  label,
  current,
}: {
  visit: Visit;
  name: string;
  value: string;
  label: string;
  current: boolean;
}) => (
  <form method="post" action={to.preferences} hx-boost="false">
    <input
      type="hidden"
      name="next"
      value={escapeHtml(visit.facts.request.method === "GET" ? visit.here : visit.url.pathname)}
    />
    <input type="hidden" name={name} value={value} />
    <button class="choice" type="submit" aria-pressed={current ? "true" : "false"} safe>
      {label}
    </button>
  </form>
);

const Preferences = ({ visit }: { visit: Visit }) => {
  const { t } = visit;
  const { theme, language, live } = visit.facts;
  return (
    <details class="menu menu-up">
      <summary class="menu-summary" aria-label={t("Appearance and language")}>
        <Icon name={theme === "dark" ? "moon" : "sun"} />
        <span safe>{t("Appearance")}</span>
      </summary>
      <div class="menu-body">
        <p class="menu-title" safe>
          {t("Theme")}
        </p>
        <div class="choices">
          <Preference visit={visit} name="theme" value="auto" label={t("Auto")} current={theme === "auto"} />
          <Preference visit={visit} name="theme" value="light" label={t("Light")} current={theme === "light"} />
          <Preference visit={visit} name="theme" value="dark" label={t("Dark")} current={theme === "dark"} />
        </div>
        <p class="menu-title" safe>
          {t("Language")}
        </p>
        <div class="choices">
          {languages.map((one) => (
            <Preference
              visit={visit}
              name="language"
              value={one}
              label={languageNames[one]}
              current={one === language}
            />
          ))}
        </div>
        {visit.known ? (
          <>
            <p class="menu-title" safe>
              {t("Live refresh")}
            </p>
            <div class="choices">
              <Preference visit={visit} name="live" value="on" label={t("On")} current={live} />
              <Preference visit={visit} name="live" value="off" label={t("Off")} current={!live} />
            </div>
          </>
        ) : null}
      </div>
    </details>
  );
};

const Navigation = ({ visit, section }: { visit: Visit; section: Section | undefined }) => {
  const { t } = visit;
  return (
    <nav class="nav" aria-label={t("Main")}>
      <ul class="nav-list">
        {sections.map(({ id, path, icon, text }) => (
          <li>
            <a href={path} class="nav-link" aria-current={id === section ? "page" : undefined}>
              <Icon name={icon} />
              <span safe>{t(text)}</span>
            </a>
          </li>
        ))}
      </ul>
      <div class="nav-foot">
        <a class="nav-link" href={to.swagger} hx-boost="false" target="_blank" rel="noopener">
          <Icon name="api" />
          <span safe>{t("REST API")}</span>
          <Icon name="out" class="end" />
        </a>
        <Preferences visit={visit} />
        <form method="post" action={to.logout} class="nav-user" hx-boost="false">
          <Icon name="user" />
          <span class="nav-name" safe>
            {visit.facts.actor.name}
          </span>
          <button
            type="submit"
            class="icon-button"
            title={escapeHtml(t("Log out"))}
            aria-label={escapeHtml(t("Log out"))}
          >
            <Icon name="leave" />
          </button>
        </form>
      </div>
    </nav>
  );
};

/** Names of the events this page follows, `task` for the toasts among them. */
const streamPath = (visit: Visit, topics: readonly Topic[]): string =>
  withQuery(to.events, { after: visit.facts.sequence, topics: [...new Set<string>([...topics, "task"])].join(",") });

const LiveStream = ({ visit, topics }: { visit: Visit; topics: readonly Topic[] }) =>
  visit.facts.live && mayDo(visit.facts.actor, "event.read") ? (
    <span
      id="live"
      class="live"
      title={escapeHtml(visit.t("Live refresh"))}
      attrs={{ "hx-sse:connect": escapeHtml(streamPath(visit, topics)) }}
    >
      <span class="live-dot" />
      <span class="live-text" safe>
        {visit.t("Live")}
      </span>
    </span>
  ) : (
    <span id="live-off" class="live live-off" title={escapeHtml(visit.t("Live refresh is off"))}>
      <span class="live-dot" />
      <span class="live-text" safe>
        {visit.t("Not live")}
      </span>
    </span>
  );

const Frame = ({ visit, options, children }: { visit: Visit; options: PageOptions; children?: Children }) => {
  const { t } = visit;
  return (
    <div id="page" class={options.alone ? "frame frame-alone" : "frame"}>
      <header class="side">
        <div class="side-head">
          <a href={to.dashboard} class="brand">
            <Mark />
            <span class="brand-name">Nano</span>
          </a>
        </div>
        <input type="checkbox" id="nav-open" class="nav-toggle sr" aria-label={escapeHtml(t("Show the navigation"))} />
        <label for="nav-open" class="nav-button" aria-hidden="true">
          <Icon name="menu" />
        </label>
        <Navigation visit={visit} section={options.section} />
      </header>
      <div class="content">
        <section class="topbar" aria-label={t("Where you are")}>
          <Crumbs visit={visit} crumbs={options.crumbs ?? []} />
          <LiveStream visit={visit} topics={options.topics ?? []} />
        </section>
        <main id="main" class={options.wide ? "main main-wide" : "main"} tabindex={-1}>
          {children}
        </main>
      </div>
    </div>
  );
};

const Bare = ({ visit, options, children }: { visit: Visit; options: PageOptions; children?: Children }) => (
  <div id="page" class="bare">
    <header class="bare-head">
      <a href={to.dashboard} class="brand">
        <Mark />
        <span class="brand-name">Nano</span>
      </a>
      <Preferences visit={visit} />
    </header>
    <main id="main" class={options.wide ? "bare-main bare-wide" : "bare-main"} tabindex={-1}>
      {children}
    </main>
    <footer class="bare-foot" safe>
      {`Nano ${visit.facts.config.version}`}
    </footer>
  </div>
);

const Document = ({ visit, options, children }: { visit: Visit; options: PageOptions; children?: Children }) => {
  const { t } = visit;
  const { theme, language, flash } = visit.facts;
  return (
    <html lang={language === "zh" ? "zh-CN" : "en"} data-theme={theme}>
      <Head visit={visit} options={options} />
      <body attrs={{ "hx-boost:inherited": escapeHtml(boost) }}>
        <a class="skip" href="#main" safe>
          {t("Skip to the content")}
        </a>
        {children}
        <div id="toasts" class="toasts" aria-live="polite" role="status">
          {flash ? <Toast visit={visit} flash={flash} /> : null}
        </div>
        <dialog id="dialog" class="dialog" aria-label={escapeHtml(t("Please confirm"))}>
          <div id="dialog-body" />
        </dialog>
      </body>
    </html>
  );
};

/** A whole page as an answer. */
export const page = async (visit: Visit, options: PageOptions, children: Children): Promise<Response> => {
  const inner = visit.known ? (
    <Frame visit={visit} options={options}>
      {children}
    </Frame>
  ) : (
    <Bare visit={visit} options={options}>
      {children}
    </Bare>
  );
  const safeMarkup = await (
    <Document visit={visit} options={options}>
      {inner}
    </Document>
  );
  return htmlResponse(safeMarkup, options.status ?? 200, options.headers);
};
