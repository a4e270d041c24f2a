/**
 * What the Access tab's buttons do. Answers that hold a secret are pages of their own, shown in the place of a
 * redirect.
 */
import type { Instance, Output } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { post, type Route } from "../route.ts";
import { page } from "../view/layout.tsx";
import { Copy, FactRow, Facts, LinkButton, Notice, PageHead, Panel, SubmitButton } from "../view/parts.tsx";
import { PasswordNotice } from "./cloud-init.tsx";

const accessPage = (visit: Visit, { id, name }: Instance, safeContent: string): Promise<Response> => {
  const { t } = visit;
  return page(
    visit,
    {
      title: t("Access to {name}", { name }),
      section: "instances",
      crumbs: [
        { text: t("Instances"), path: to.instances },
        { text: name, path: to.instance(id, "access") },
        { text: t("Access") },
      ],
    },
    <>
      <PageHead title={t("Access to {name}", { name })}>
        <LinkButton href={to.instance(id, "access")} look={{ label: t("Back to {name}", { name }) }} />
      </PageHead>
      {safeContent}
    </>,
  );
};

const displayPage = async (visit: Visit, instance: Instance, shown: Output<"instance.display">): Promise<Response> => {
  const { t } = visit;
  const { address, port, password, reach } = shown;
  const at = `${address.includes(":") ? `[${address}]` : address}:${port}`;
  return accessPage(
    visit,
    instance,
    await (
      <Panel title={t("VNC")}>
        {reach === "cell" ? (
          <Notice tone="info">
            <p safe>
              {t(
                "It listens on its cell's own loopback only: use an SSH tunnel to the host, or set NANO_CELL_VNC_LISTEN there.",
              )}
            </p>
          </Notice>
        ) : null}
        <Facts>
          <FactRow term={t("Address")}>
            <code safe>{at}</code> <Copy visit={visit} text={at} />
          </FactRow>
          <FactRow term={t("Password")}>
            <code safe>{password}</code> <Copy visit={visit} text={password} />
          </FactRow>
        </Facts>
        <form method="post" action={to.instanceDisplayRenew(instance.id)}>
          <SubmitButton look={{ label: t("New password"), icon: "reboot" }} />
        </form>
      </Panel>
    ),
  );
};

const showDisplay =
  (operation: "instance.display" | "instance.renew-display") =>
  async (visit: Visit): Promise<Response> => {
    const id = readId.instance(visit.param("id"));
    const instance = await visit.call("instance.get", { id });
    const shown = await visit.attempt(operation, { id });
    if (!shown.ok) return seeOther(visit, to.instance(id, "access"), failedFlash(shown.error));
    return displayPage(visit, instance, shown.value);
  };

const setPassword = async (visit: Visit): Promise<Response> => {
  const id = readId.instance(visit.param("id"));
  const form = await readForm(visit.facts.request);
  const instance = await visit.call("instance.get", { id });
  const password = form.raw("guestPassword");
  const user = form.text("user");
  const typed = { id, ...(user === "" ? {} : { user }), ...(password === "" ? {} : { password }) };
  const set = await visit.submit("instance.set-password", typed);
  if (!set.ok) return seeOther(visit, to.instance(id, "access"), failedFlash(set.error));
  const { user: account, generatedPassword } = set.value;
  if (generatedPassword === undefined)
    return seeOther(visit, to.instance(id, "access"), {
      kind: "done",
      text: "{user} has a new password",
      values: { user: account },
    });
  return accessPage(
    visit,
    instance,
    await (<PasswordNotice visit={visit} user={account} password={generatedPassword} />),
  );
};

export const accessRoutes: readonly Route[] = [
  post("/instances/:id/display", showDisplay("instance.display")),
  post("/instances/:id/display/renew", showDisplay("instance.renew-display")),
  post("/instances/:id/password", setPassword),
];
