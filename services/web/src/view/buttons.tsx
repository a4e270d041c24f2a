/** Buttons: links that look like one, forms that are one, and those that cannot be pressed and say why. */
import { escapeHtml } from "@kitajs/html";
import { Icon, type IconName } from "./icons.tsx";

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
 * A button that is there but cannot be pressed, and says why: as its tooltip, and as its accessible description.
 * `aria-disabled` instead of `disabled` keeps it reachable by keyboard, so that everyone can find the reason.
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
