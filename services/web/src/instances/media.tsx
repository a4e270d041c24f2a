/** The drive of a running instance: its buttons, and the choice of what to put into it. */
import { allows, type Instance } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to, withQuery } from "../paths.ts";
import { Check } from "../view/fields.tsx";
import { ActionButton, ConfirmLink, DisabledButton, LinkButton } from "../view/parts.tsx";
import { chooseMediumPage, type Media } from "./choose-medium.tsx";

export const MediaButtons = ({
  visit,
  instance,
  back,
  small = false,
}: {
  visit: Visit;
  instance: Instance;
  back: string;
  small?: boolean;
}) => {
  const { t } = visit;
  const size = small ? { small: true } : {};
  const insert = { label: t(instance.media ? "Replace media…" : "Insert media…"), icon: "media" as const, ...size };
  const allowed = allows(instance.state, "insert-media");
  const may = visit.may("media.insert");
  const ejects = instance.media !== undefined && allows(instance.state, "eject-media") === true && may;
  return (
    <>
      {allowed === true && may ? (
        <LinkButton href={withQuery(to.instanceMedia(instance.id), { back })} look={insert} />
      ) : (
        <DisabledButton look={insert} why={may ? visit.say(String(allowed)) : t("You may not do this.")} />
      )}
      {ejects ? (
        <>
          <ActionButton
            action={to.instanceEject(instance.id)}
            look={{ label: t("Eject {name}", { name: instance.media?.name ?? "" }), icon: "media", ...size }}
            fields={{ back }}
          />
          <ConfirmLink
            href={withQuery(to.instanceEject(instance.id), { back })}
            look={{ label: t("Force the tray open…"), icon: "plug", ...size }}
          />
        </>
      ) : null}
    </>
  );
};

export const insertPage = async (visit: Visit, instance: Instance, media: Media, back: string): Promise<Response> => {
  const { t } = visit;
  const allowed = allows(instance.state, "insert-media");
  const [first] = media.ok ? media.value.items : [];
  const chosen = instance.media?.id ?? first?.id;
  return chooseMediumPage(
    visit,
    instance,
    media,
    {
      title: t("Insert media into {name}", { name: instance.name }),
      lead: t(
        "It goes into the drive of the running instance and stays there until it is ejected or the instance stops.",
      ),
      crumb: t("Insert media"),
      label: t("Medium"),
      ...(chosen === undefined ? {} : { chosen }),
      action: to.instanceMedia(instance.id),
      back,
      look: { label: t("Insert media"), icon: "media" },
      ...(allowed === true ? {} : { why: visit.say(allowed) }),
      command: (medium = "<medium>") => ({ operation: "media.insert", input: { id: instance.id, media: medium } }),
    },
    instance.media ? <Check name="force" label={t("Also when the guest has locked the tray")} checked={false} /> : "",
  );
};
