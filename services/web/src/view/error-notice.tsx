import { errorDefinitions, isErrorCode, type NanoError } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { Notice } from "./notice.tsx";
import { WayButton, wayOf } from "./ways.tsx";

/** What another service says: in the reader's language where the catalogue has it, else marked as English. */
export const Said = ({ visit, text, class: extra }: { visit: Visit; text: string; class?: string }) => {
  const said = visit.say(text);
  const english = visit.facts.language === "en" || said !== text;
  return (
    <span class={extra} lang={english ? undefined : "en"} safe>
      {said}
    </span>
  );
};

/** What an owner refused or a task ended with, what to do about it, and the button that does it. */
export const ErrorNotice = ({
  visit,
  error,
}: {
  visit: Visit;
  error: Pick<NanoError, "message" | "remedy"> & { readonly code: string; readonly details?: NanoError["details"] };
}) => (
  <Notice tone="bad">
    <p>
      <b safe>{isErrorCode(error.code) ? visit.say(errorDefinitions[error.code].title) : error.code}</b>
    </p>
    <p>
      <Said visit={visit} text={error.message} />
    </p>
    <p class="quiet">
      <Said visit={visit} text={error.remedy} />
    </p>
    <WayButton visit={visit} way={wayOf({ code: error.code, details: error.details })} />
  </Notice>
);
