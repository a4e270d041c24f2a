import { escapeHtml } from "@kitajs/html";
import type { Instance } from "@nano/contract";
import { assetPath, novncModule } from "../http/assets.ts";
import type { Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import { InstanceBadge } from "../view/badges.tsx";
import { Icon, type IconName } from "../view/icons.tsx";
import { page } from "../view/layout.tsx";
import { ActionButton, ConfirmLink, LinkButton, Live } from "../view/parts.tsx";
import { MediaButtons } from "./media.tsx";

export const Tool = ({
  name,
  icon,
  label,
  pressed,
}: {
  name: string;
  icon: IconName;
  label: string;
  pressed?: boolean;
}) => (
  <button
    type="button"
    class="tool"
    data-console={name}
    title={label}
    aria-label={label}
    aria-pressed={pressed === undefined ? undefined : pressed ? "true" : "false"}
  >
    <Icon name={icon} />
    <span safe>{label}</span>
  </button>
);

/** For browsers that give no page the clipboard, and for what is not typed easily. */
export const PasteForm = ({ visit, layouts = false }: { visit: Visit; layouts?: boolean }) => (
  <form class="console-paste" data-console="paste-form" hidden hx-boost="false">
    <label for="paste-text" safe>
      {visit.t("Text to type into the instance")}
    </label>
    <textarea id="paste-text" class="input" rows="3" maxlength={8192} />
    <p
      class="field-problem"
      data-console="paste-problem"
      data-text={visit.t("Not on this keyboard:")}
      role="alert"
      hidden
    />
    <div class="form-actions">
      {layouts ? (
        <label class="console-layout">
          <span safe>{visit.t("The guest's keyboard")}</span>
          <select name="layout" class="input">
            <option value="us" safe>
              {visit.t("US English")}
            </option>
            <option value="gb" safe>
              {visit.t("British")}
            </option>
            <option value="de" safe>
              {visit.t("German")}
            </option>
            <option value="fr" safe>
              {visit.t("French")}
            </option>
          </select>
        </label>
      ) : null}
      <button type="submit" class="button button-primary button-small" safe>
        {visit.t("Type it")}
      </button>
    </div>
  </form>
);

/**
 * The console: noVNC in the page, its bytes over one WebSocket. The script asks this same address for a ticket (POST),
 * at once before each connection, because a ticket lives 30 s and works once.
 */
export const consolePage = (visit: Visit, instance: Instance): Promise<Response> => {
  const { t } = visit;
  const alone = visit.query("window") === "1";
  return page(
    visit,
    {
      ...(alone ? { alone } : {}),
      title: t("Console of {name}", { name: instance.name }),
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: instance.name, path: to.instance(instance.id) },
        { text: t("Console") },
      ],
      topics: [`instance:${instance.id}`],
      wide: true,
    },
    <div
      class="console"
      id="console"
      data-ticket={to.console(instance.id)}
      data-module={assetPath("console.js")}
      data-novnc={novncModule}
      data-layouts={assetPath("layouts.js")}
      data-text-connecting={t("Connecting…")}
      data-text-connected={t("Connected")}
      data-text-lost={t("The connection was lost. Connecting again…")}
      data-text-refused={t("The console could not be opened")}
      data-text-ended={t("Disconnected")}
    >
      <div class="console-bar">
        <h1 class="console-name" safe>
          {instance.name}
        </h1>
        <Live visit={visit} id="console-state" on={["instance"]}>
          <InstanceBadge visit={visit} state={instance.state} />
        </Live>
        <p class="console-link" data-console="state" role="status" />
        <div class="console-tools" role="toolbar" aria-label={t("Console tools")}>
          <Tool name="ctrl-alt-del" icon="keyboard" label={t("Ctrl+Alt+Del")} />
          <Tool name="paste" icon="paste" label={t("Paste text")} />
          <Tool name="keyboard" icon="keyboard" label={t("Keyboard")} />
          <Tool name="scale" icon="instance" label={t("Fit")} pressed />
          <Tool name="view-only" icon="eye" label={t("View only")} pressed={false} />
          <Tool name="fullscreen" icon="full" label={t("Full screen")} />
          {alone ? null : <Tool name="window" icon="out" label={t("Own window")} />}
          <Tool name="reconnect" icon="reboot" label={t("Reconnect")} />
        </div>
        <Live visit={visit} id="console-actions" on={["instance"]}>
          <details class="menu" id="console-more">
            <summary class="button button-plain button-small" aria-label={t("More actions")}>
              <span safe>{t("More")}</span>
              <Icon name="down" />
            </summary>
            <div class="menu-body menu-actions">
              <MediaButtons visit={visit} instance={instance} back={to.console(instance.id)} small />
              <hr />
              <ActionButton
                action={to.instanceAction(instance.id, "stop")}
                look={{ label: t("Stop"), icon: "power", small: true }}
                fields={{ back: to.console(instance.id) }}
              />
              <ActionButton
                action={to.instanceAction(instance.id, "reboot")}
                look={{ label: t("Reboot"), icon: "reboot", small: true }}
                fields={{ back: to.console(instance.id) }}
              />
              <ConfirmLink
                href={withQuery(to.instanceAction(instance.id, "force-reboot"), { back: to.console(instance.id) })}
                look={{ label: t("Force reboot"), icon: "plug", kind: "danger", small: true }}
              />
            </div>
          </details>
        </Live>
      </div>
      <PasteForm visit={visit} layouts />
      <textarea
        class="console-keyboard"
        data-console="keyboard-input"
        aria-label={escapeHtml(t("Keyboard"))}
        autocapitalize="off"
        spellcheck="false"
        tabindex={-1}
      />
      <div class="console-screen" data-console="screen" hx-morph-skip />
      <noscript>
        <div class="notice notice-info">
          <div>
            <p safe>{t("The console needs JavaScript. The picture of the screen does not:")}</p>
            <p>
              <img src={to.screen(instance.id)} alt={t("The instance's screen")} />
            </p>
          </div>
        </div>
      </noscript>
      <p class="console-foot quiet">
        <LinkButton
          href={to.instance(instance.id)}
          look={{ label: t("Back to {name}", { name: instance.name }), icon: "left", small: true }}
        />
      </p>
    </div>,
  );
};
