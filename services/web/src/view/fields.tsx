/**
 * Form fields with their label, hint and problem; `problems` is keyed by JSON Pointer, as `invalid-input` names fields.
 */
import { type Children, escapeHtml } from "@kitajs/html";
import type { Visit } from "../http/visit.ts";

export type Problems = ReadonlyMap<string, string>;
export const noProblems: Problems = new Map();

interface Common {
  readonly visit: Visit;
  /** Of the form field. */
  readonly name: string;
  readonly label: string;
  readonly hint?: string;
  /** JSON Pointer in the operation's input, when it is not `/<name>`. */
  readonly pointer?: string;
  readonly problems: Problems;
}

/** Whether something at this JSON Pointer, or inside it, does not fit. */
export const hasProblem = (problems: Problems, at: string): boolean =>
  [...problems.keys()].some((path) => path === at || path.startsWith(`${at}/`));

/** Of the field itself or, where it holds a list or several settings, of something inside. */
const problemOf = ({ problems, pointer, name }: Common): string | undefined => {
  const at = pointer ?? `/${name}`;
  return problems.get(at) ?? [...problems].find(([path]) => path.startsWith(`${at}/`))?.[1];
};

/** Where a problem's link leads: its field; of something in a list, the list's. */
export const anchorOf = (pointer: string): string =>
  `at-${
    pointer
      .replace(/\/\d+(\/.*)?$/, "")
      .slice(1)
      .replaceAll("/", "-") || "form"
  }`;

const Wrap = ({ common, id, children }: { common: Common; id: string; children?: Children }) => {
  const problem = problemOf(common);
  return (
    <div class={problem ? "field field-bad" : "field"} id={anchorOf(common.pointer ?? `/${common.name}`)}>
      <label for={id} safe>
        {common.label}
      </label>
      {children}
      {problem ? (
        <p class="field-problem" id={`${id}-problem`} safe>
          {common.visit.say(problem)}
        </p>
      ) : null}
      {common.hint ? (
        <p class="field-hint" id={`${id}-hint`} safe>
          {common.hint}
        </p>
      ) : null}
    </div>
  );
};

const described = (common: Common, id: string): string | undefined =>
  [problemOf(common) === undefined ? "" : `${id}-problem`, common.hint ? `${id}-hint` : ""]
    .filter((part) => part !== "")
    .join(" ") || undefined;
const invalid = (common: Common): "true" | undefined => (problemOf(common) === undefined ? undefined : "true");

export interface TextFieldProps extends Common {
  readonly value: string;
  readonly type?: "text" | "password" | "search";
  readonly required?: boolean;
  readonly maxlength?: number;
  readonly placeholder?: string;
  readonly autocomplete?: string;
  readonly autofocus?: boolean;
  readonly mono?: boolean;
}
export const TextField = (props: TextFieldProps) => {
  const id = `field-${props.name}`;
  return (
    <Wrap common={props} id={id}>
      <input
        id={id}
        name={props.name}
        type={props.type ?? "text"}
        value={escapeHtml(props.value)}
        required={props.required}
        maxlength={props.maxlength}
        placeholder={props.placeholder}
        autocomplete={props.autocomplete ?? "off"}
        autofocus={props.autofocus}
        spellcheck="false"
        autocapitalize="none"
        class={props.mono ? "input mono" : "input"}
        aria-describedby={described(props, id)}
        aria-invalid={invalid(props)}
      />
    </Wrap>
  );
};

export const TextArea = (props: Common & { value: string; maxlength?: number; rows?: number }) => {
  const id = `field-${props.name}`;
  return (
    <Wrap common={props} id={id}>
      <textarea
        id={id}
        name={props.name}
        rows={String(props.rows ?? 2)}
        maxlength={props.maxlength}
        class="input"
        aria-describedby={described(props, id)}
        aria-invalid={invalid(props)}
        safe
      >
        {props.value}
      </textarea>
    </Wrap>
  );
};

export interface NumberFieldProps extends Common {
  readonly value: string;
  readonly minimum: number;
  readonly maximum: number;
  readonly unit: string;
  readonly step?: number;
  /** May be left empty; then it means this. */
  readonly whenEmpty?: string;
  /** Units to choose from in the place of the one: the form has `<name>Unit`, too. */
  readonly units?: { readonly chosen: string; readonly all: readonly string[] };
  /** Values one click away. */
  readonly presets?: readonly { value: number; label: string }[];
}
export const NumberField = (props: NumberFieldProps) => {
  const id = `field-${props.name}`;
  return (
    <Wrap common={props} id={id}>
      <div class="number">
        <span class={props.units ? "input-unit has-units" : "input-unit"}>
          <input
            id={id}
            name={props.name}
            type="number"
            inputmode={props.units ? "decimal" : "numeric"}
            value={escapeHtml(props.value)}
            min={String(props.minimum)}
            max={String(props.maximum)}
            step={props.units ? "any" : String(props.step ?? 1)}
            placeholder={props.whenEmpty === undefined ? undefined : escapeHtml(props.whenEmpty)}
            required={props.whenEmpty === undefined}
            class="input"
            aria-describedby={described(props, id)}
            aria-invalid={invalid(props)}
          />
          {props.units ? null : (
            <span class="unit" aria-hidden="true" safe>
              {props.unit}
            </span>
          )}
        </span>
        {props.units ? (
          <select
            name={`${props.name}Unit`}
            class="input unit-choice"
            aria-label={escapeHtml(`${props.label}: ${props.visit.t("unit")}`)}
          >
            {props.units.all.map((unit) => (
              <option value={unit} selected={unit === props.units?.chosen} safe>
                {unit}
              </option>
            ))}
          </select>
        ) : null}
        {props.presets ? (
          <fieldset class="presets js-only" aria-label={escapeHtml(props.label)}>
            {props.presets.map(({ value, label }) => (
              <button
                type="button"
                class="preset"
                data-set={id}
                data-value={String(value)}
                aria-pressed={props.value === String(value) ? "true" : "false"}
                safe
              >
                {label}
              </button>
            ))}
          </fieldset>
        ) : null}
      </div>
    </Wrap>
  );
};

export interface Option {
  readonly value: string;
  readonly text: string;
  /** For a disk made from this image: the least size in GiB. */
  readonly minimumGiB?: number;
}
export const SelectField = (props: Common & { value: string; options: readonly Option[]; id?: string }) => {
  const id = props.id ?? `field-${props.name}`;
  return (
    <Wrap common={props} id={id}>
      <select
        id={id}
        name={props.name}
        class="input"
        aria-describedby={described(props, id)}
        aria-invalid={invalid(props)}
      >
        {props.options.map(({ value, text, minimumGiB }) => (
          <option
            value={escapeHtml(value)}
            selected={value === props.value}
            data-minimum={minimumGiB === undefined ? undefined : String(minimumGiB)}
            safe
          >
            {text}
          </option>
        ))}
      </select>
    </Wrap>
  );
};

/** One of a few, each with a line on what it means. */
export const ChoiceField = (props: Common & { value: string; options: readonly (Option & { hint: string })[] }) => {
  const problem = problemOf(props);
  return (
    <fieldset class={problem ? "options field-bad" : "options"} id={anchorOf(props.pointer ?? `/${props.name}`)}>
      <legend safe>{props.label}</legend>
      {props.options.map(({ value, text, hint }) => (
        <label class="option">
          <input type="radio" name={props.name} value={escapeHtml(value)} checked={value === props.value} />
          <span>
            <b safe>{text}</b>
            <span class="field-hint" safe>
              {hint}
            </span>
          </span>
        </label>
      ))}
      {problem ? (
        <p class="field-problem" safe>
          {props.visit.say(problem)}
        </p>
      ) : null}
    </fieldset>
  );
};

/** What a field has in common with the others of its form, to be spread into it. */
export type FieldOf = (
  name: string,
  inside?: string,
) => Pick<Common, "visit" | "problems" | "name"> & { pointer: string };
/**
 * @param at where the form's fields are in the operation's input, as a JSON Pointer
 * @example const field = fieldsOf(visit, problems, "/cloudInit"); <TextField {...field("user")} label={t("Administrator")} value={form.user} />
 */
export const fieldsOf =
  (visit: Visit, problems: Problems, at = ""): FieldOf =>
  (name, inside = name) => ({ visit, problems, name, pointer: `${at}/${inside}` });

export const Check = ({
  name,
  label,
  checked,
  hint,
}: {
  name: string;
  label: string;
  checked: boolean;
  hint?: string;
}) => (
  <label class="check">
    <input type="checkbox" name={name} value="yes" checked={checked} />
    <span>
      <span safe>{label}</span>
      {hint ? (
        <span class="field-hint" safe>
          {hint}
        </span>
      ) : null}
    </span>
  </label>
);
