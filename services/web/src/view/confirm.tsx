/** The question before something is lost: a page of its own without JavaScript, the inside of the dialog with it. */
import type { Children } from "@kitajs/html";
import type { Visit } from "../http/visit.ts";
import { type Command, ShowAsCommand } from "./command.tsx";
import { SubmitUnless } from "./form.tsx";
import { Icon } from "./icons.tsx";
import { type PageOptions, page } from "./layout.tsx";

export interface Question {
  readonly title: string;
  /** What will be lost, one fact a line. */
  readonly losses: readonly string[];
  readonly action: string;
  /** Where "no" leads. */
  readonly back: string;
  readonly button: string;
  /** Why it cannot be done now: the button is there, but cannot be pressed. */
  readonly why?: string;
  readonly fields?: readonly (readonly [string, string])[];
  readonly commands?: readonly Command[];
}

export const confirmPage = (
  visit: Visit,
  options: PageOptions,
  question: Question,
  extra?: Children,
): Promise<Response> => {
  const { title, losses, action, back, button, fields = [], commands, why } = question;
  return page(
    visit,
    options,
    <div id="confirm" class="confirm">
      <div class="confirm-head">
        <span class="confirm-icon">
          <Icon name="warning" />
        </span>
        <h1 safe>{title}</h1>
      </div>
      <ul class="losses">
        {losses.map((loss) => (
          <li safe>{loss}</li>
        ))}
      </ul>
      {extra}
      <form method="post" action={action}>
        <input type="hidden" name="key" value={crypto.randomUUID()} />
        {fields.map(([name, value]) => (
          <input type="hidden" name={name} value={value} />
        ))}
        <div class="form-actions">
          <a class="button button-plain" href={back} data-dismiss safe>
            {visit.t("Cancel")}
          </a>
          <SubmitUnless why={why} look={{ label: button, kind: "danger" }} />
        </div>
      </form>
      {commands ? <ShowAsCommand visit={visit} commands={commands} /> : null}
    </div>,
  );
};
