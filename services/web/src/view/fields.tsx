/** Form fields with their label, hint and problem; `problems` is keyed by JSON Pointer, as `invalid-input` names fields. */
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

const Wrap = ({ common, id, children }: { common: Common; id: string; children?: Children }) => {
  const problem = common.problems.get(common.pointer ?? `/${common.name}`);
  return (
    <div class={problem ? "field field-bad" : "field"}>
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
  [common.problems.has(common.pointer ?? `/${common.name}`) ? `${id}-problem` : "", common.hint ? `${id}-hint` : ""]
    .filter((part) => part !== "")
    .join(" ") || undefined;
const invalid = (common: Common): "true" | undefined =>
  common.problems.has(common.pointer ?? `/${common.name}`) ? "true" : undefined;

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
  /** Values one click away. */
  readonly presets?: readonly { value: number; label: string }[];
}
export const NumberField = (props: NumberFieldProps) => {
  const id = `field-${props.name}`;
  return (
    <Wrap common={props} id={id}>
      <div class="number">
        <span class="input-unit">
          <input
            id={id}
            name={props.name}
            type="number"
            inputmode="numeric"
            value={escapeHtml(props.value)}
            min={String(props.minimum)}
            max={String(props.maximum)}
            step={String(props.step ?? 1)}
            required
            class="input"
            aria-describedby={described(props, id)}
            aria-invalid={invalid(props)}
          />
          <span class="unit" aria-hidden="true" safe>
            {props.unit}
          </span>
        </span>
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
