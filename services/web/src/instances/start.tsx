/** Starting from a medium, once: to install a system, or to rescue one. */
import { allows, type Instance } from "@nano/contract";
import { readId } from "../http/ids.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, type Route } from "../route.ts";
import { chooseMediumPage, type MediumChoice, readyMedia } from "./choose-medium.tsx";

/** Why it cannot be started now. */
export const whyNoStart = (visit: Visit, { state }: Instance): string | undefined => {
  const allowed = allows(state, "start");
  if (allowed !== true) return visit.say(allowed);
  return visit.may("instance.start") ? undefined : visit.t("You may not do this.");
};

const choose =
  (choiceOf: (visit: Visit, name: string) => Pick<MediumChoice, "title" | "lead" | "crumb" | "otherwise">) =>
  async (visit: Visit): Promise<Response> => {
    const { t } = visit;
    const [instance, media] = await Promise.all([
      visit.call("instance.get", { id: readId.instance(visit.param("id")) }),
      readyMedia(visit),
    ]);
    const { id, name } = instance;
    const why = whyNoStart(visit, instance);
    return chooseMediumPage(visit, instance, media, {
      ...choiceOf(visit, name),
      label: t("Boot from"),
      action: to.instanceAction(id, "start"),
      back: to.instance(id),
      look: { label: t("Start"), icon: "play" },
      ...(why === undefined ? {} : { why }),
      command: (medium) => ({ operation: "instance.start", input: { id, ...(medium ? { media: medium } : {}) } }),
    });
  };

export const startRoutes: readonly Route[] = [
  get(
    "/instances/:id/start",
    choose(({ t }, name) => ({
      title: t("Start {name}", { name }),
      lead: t("From its disk, or once from a medium: to install a system or to rescue one."),
      crumb: t("Start"),
      otherwise: t("Its system disk"),
    })),
  ),
  get(
    "/instances/:id/rescue",
    choose(({ t }, name) => ({
      title: t("Rescue {name}", { name }),
      lead: t(
        "It starts once from a medium, with its own disks beside it as they are: mount them there and mend what is broken. Its next start without a medium is from its disk again.",
      ),
      crumb: t("Rescue"),
    })),
  ),
];
