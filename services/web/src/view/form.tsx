/** What forms are put together from, beside their fields. */
import { type Children, escapeHtml } from "@kitajs/html";
import { Icon, type IconName } from "./icons.tsx";
import { type ButtonLook, DisabledButton, SubmitButton } from "./parts.tsx";

/** Makes a double click one effect: asked for with the form, so that sending it twice is asking once. */
export const Key = ({ value = crypto.randomUUID() }: { value?: string }) => (
  <input type="hidden" name="key" value={escapeHtml(value)} />
);

/**
 * What Enter presses is a form's first submit button: where others come before the one that does it, it is made the
 * first, unseen.
 */
export const EnterPresses = ({ label }: { label: string }) => (
  <button type="submit" class="sr" tabindex={-1} safe>
    {label}
  </button>
);

/** Folded until it is wanted. The id keeps it open when the page is morphed. */
export const Folded = ({
  id,
  icon,
  title,
  open = false,
  children,
}: {
  id?: string;
  icon: IconName;
  title: string;
  open?: boolean;
  children?: Children;
}) => (
  <details class="disclosure" id={id} open={open}>
    <summary>
      <Icon name={icon} />
      <span safe>{title}</span>
    </summary>
    {children}
  </details>
);

export const FormActions = ({ children }: { children?: Children }) => <div class="form-actions">{children}</div>;

/** The button that does it, or, where it cannot be done now, one that says why. */
export const SubmitUnless = ({ why, look }: { why: string | undefined; look: ButtonLook }) =>
  why === undefined ? <SubmitButton look={look} /> : <DisabledButton look={{ ...look, kind: "plain" }} why={why} />;
