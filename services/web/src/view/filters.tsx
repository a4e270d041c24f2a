/**
 * The line of filters above a list: a plain GET form; with JavaScript the list follows while one types, and the address
 * with it.
 */
import { type Children, escapeHtml } from "@kitajs/html";
import type { Visit } from "../http/visit.ts";
import { Icon } from "./icons.tsx";

export const FilterForm = ({
  visit,
  action,
  list,
  search,
  searches,
  children,
}: {
  visit: Visit;
  action: string;
  /** The id of the list that is shown anew. */
  list: string;
  search: string;
  /** What the search looks in, as its label. */
  searches: string;
  children?: Children;
}) => (
  <search>
    <form
      method="get"
      action={action}
      class="filters"
      hx-get={action}
      hx-trigger="submit, input delay:250ms"
      hx-target={`#${list}`}
      hx-select={`#${list}`}
      hx-swap="outerMorph"
      hx-push-url="true"
    >
      <span class="search">
        <Icon name="search" />
        <input
          class="input"
          type="search"
          name="search"
          value={escapeHtml(search)}
          maxlength={64}
          placeholder={escapeHtml(searches)}
          aria-label={escapeHtml(searches)}
        />
      </span>
      {children}
      <button type="submit" class="button button-plain no-js" safe>
        {visit.t("Filter")}
      </button>
    </form>
  </search>
);

export const FilterSelect = ({
  name,
  label,
  any,
  options,
  chosen,
}: {
  name: string;
  label: string;
  /** The choice that filters nothing. */
  any: string;
  options: readonly { readonly value: string; readonly text: string }[];
  chosen: string | undefined;
}) => (
  <select class="input" name={name} aria-label={escapeHtml(label)}>
    <option value="" safe>
      {any}
    </option>
    {options.map(({ value, text }) => (
      <option value={escapeHtml(value)} selected={value === chosen} safe>
        {text}
      </option>
    ))}
  </select>
);
