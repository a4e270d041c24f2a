import type { Instance } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { InstanceBadge } from "../view/badges.tsx";
import { ShowAsCommand } from "../view/command.tsx";
import { page } from "../view/layout.tsx";
import { Live, Notice, PageHead } from "../view/parts.tsx";
import { InstanceActions } from "./actions.tsx";
import { instanceTabs } from "./tabs/index.ts";
import { overviewTab } from "./tabs/overview.tsx";
import type { Tab } from "./tabs/tab.ts";

/** @param shown a tab in the place of the one that the address names, and the status it has */
export const instancePage = async (
  visit: Visit,
  instance: Instance,
  shown?: { readonly tab: Tab; readonly status: number },
): Promise<Response> => {
  const { t } = visit;
  const tab = shown?.tab ?? instanceTabs.find(({ name }) => name === visit.query("tab")) ?? overviewTab;
  const commands = tab.commands(instance);
  // Markup that the tab's components made.
  const safeTab = await tab.render(visit, instance);
  return page(
    visit,
    {
      title: instance.name,
      section: "instances",
      crumbs: [{ text: t("Instances"), path: to.instances }, { text: instance.name }],
      ...(shown ? { status: shown.status } : {}),
      topics: [`instance:${instance.id}`, "task"],
      ...(instance.task ? { refreshSeconds: 3 } : {}),
    },
    <>
      <Live visit={visit} id="instance-head" on={["instance"]} every="300ms">
        <PageHead title={instance.name} {...(instance.description ? { lead: instance.description } : {})}>
          <InstanceBadge visit={visit} state={instance.state} />
          <InstanceActions visit={visit} instance={instance} />
        </PageHead>
        {instance.stateReason ? (
          <Notice tone="warn">
            <p safe>{visit.say(instance.stateReason)}</p>
          </Notice>
        ) : null}
        {(instance.copies ?? []).map(({ cell, cellName, state }) => (
          <Notice tone="warn">
            <p>
              <a href={to.cell(cell)} safe>
                {t("Another copy of it is on {cell} ({state}). Decide on that cell's page which one is right.", {
                  cell: cellName,
                  state: visit.word(state),
                })}
              </a>
            </p>
          </Notice>
        ))}
      </Live>
      <nav class="tabs" aria-label={t("Parts of the instance")}>
        {instanceTabs.map((one) => (
          <a href={to.instance(instance.id, one.name)} aria-current={one.name === tab.name ? "page" : undefined} safe>
            {t(one.text)}
          </a>
        ))}
      </nav>
      {shown ? (
        <div id="instance-body">{safeTab}</div>
      ) : (
        <Live visit={visit} id="instance-body" on={["instance", "task", ...(tab.follows ?? [])]} every="500ms">
          {safeTab}
        </Live>
      )}
      {commands.length > 0 ? <ShowAsCommand visit={visit} commands={commands} /> : null}
    </>,
  );
};
