import type { Instance } from "@nano/contract";
import { assetPath } from "../http/assets.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { InstanceBadge } from "../view/badges.tsx";
import { page } from "../view/layout.tsx";
import { LinkButton, Live } from "../view/parts.tsx";
import { PasteForm, Tool } from "./console.tsx";

/**
 * The serial console: xterm.js in the page, its bytes over the same kind of WebSocket as the screen's, with a ticket
 * for each connection.
 */
export const serialConsolePage = (visit: Visit, instance: Instance): Promise<Response> => {
  const { t } = visit;
  return page(
    visit,
    {
      title: t("Serial console of {name}", { name: instance.name }),
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: instance.name, path: to.instance(instance.id, "serial") },
        { text: t("Serial console") },
      ],
      topics: [`instance:${instance.id}`],
      wide: true,
    },
    <div
      class="console serial-console"
      id="console"
      data-ticket={to.serialConsole(instance.id)}
      data-module={assetPath("serial.js")}
      data-xterm={assetPath("xterm.js")}
      data-fit={assetPath("xterm-fit.js")}
      data-text-connecting={t("Connecting…")}
      data-text-connected={t("Connected")}
      data-text-lost={t("The connection was lost. Connecting again…")}
      data-text-refused={t("The console could not be opened")}
      data-text-taken={t("Somebody else has this console.")}
    >
      <link rel="stylesheet" href={assetPath("xterm.css")} />
      <div class="console-bar">
        <h1 class="console-name" safe>
          {instance.name}
        </h1>
        <Live visit={visit} id="console-state" on={["instance"]}>
          <InstanceBadge visit={visit} state={instance.state} />
        </Live>
        <p class="console-link" data-console="state" role="status" safe>
          {t("Connecting…")}
        </p>
        <button type="button" class="button button-primary button-small" data-console="take-over" hidden safe>
          {t("Take it over")}
        </button>
        <div class="console-tools" role="toolbar" aria-label={t("Console tools")}>
          <Tool name="copy" icon="copy" label={t("Copy the selection")} />
          <Tool name="paste" icon="paste" label={t("Paste text")} />
          <Tool name="clear" icon="trash" label={t("Clear")} />
          <Tool name="fullscreen" icon="full" label={t("Full screen")} />
          <Tool name="reconnect" icon="reboot" label={t("Reconnect")} />
        </div>
      </div>
      <PasteForm visit={visit} />
      <div class="console-screen serial-screen" data-console="screen" hx-morph-skip />
      <noscript>
        <div class="notice notice-info">
          <div>
            <p>
              <span safe>{t("The serial console needs JavaScript. Its log does not:")}</span>{" "}
              <a href={to.instance(instance.id, "serial")} safe>
                {t("Serial log")}
              </a>
            </p>
          </div>
        </div>
      </noscript>
      <p class="console-foot quiet">
        <LinkButton
          href={to.instance(instance.id, "serial")}
          look={{ label: t("Back to {name}", { name: instance.name }), icon: "left", small: true }}
        />
      </p>
    </div>,
  );
};
