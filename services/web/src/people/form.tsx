import { escapeHtml } from "@kitajs/html";
import type { NanoError } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { noProblems, type Problems, TextField } from "../view/fields.tsx";
import { page } from "../view/layout.tsx";
import { Copy, ErrorNotice, SubmitButton } from "../view/parts.tsx";

export interface PersonForm {
  readonly name: string;
  readonly next: string;
  /** Of the setup link. */
  readonly secret?: string;
  readonly error?: NanoError;
  readonly problems?: Problems;
  readonly status?: number;
}

const retryAfter = (error: NanoError | undefined): Record<string, string> => {
  const seconds: unknown = error?.details?.retryAfterSeconds;
  return typeof seconds === "number" ? { "Retry-After": String(Math.ceil(seconds)) } : {};
};

export const loginPage = (visit: Visit, form: PersonForm): Promise<Response> => {
  const { t } = visit;
  const { error, problems = noProblems } = form;
  return page(
    visit,
    { title: t("Log in"), status: form.status ?? 200, headers: retryAfter(error) },
    <div class="card-form">
      <h1 safe>{t("Log in")}</h1>
      <p class="lead" safe>
        {t("to the zone “{zone}”", { zone: visit.facts.config.zone })}
      </p>
      {error ? <ErrorNotice visit={visit} error={error} /> : null}
      <form method="post" action={to.login()} class="form" hx-boost="false">
        <input type="hidden" name="next" value={escapeHtml(form.next)} />
        <TextField
          visit={visit}
          name="name"
          label={t("Name")}
          value={form.name}
          required
          maxlength={64}
          autocomplete="username"
          autofocus={form.name === ""}
          problems={problems}
        />
        <TextField
          visit={visit}
          name="password"
          type="password"
          label={t("Password")}
          value=""
          required
          maxlength={256}
          autocomplete="current-password"
          autofocus={form.name !== ""}
          problems={problems}
        />
        <div class="form-actions">
          <SubmitButton look={{ label: t("Log in"), kind: "primary" }} />
        </div>
      </form>
    </div>,
  );
};

/** For a visitor without the setup link: who started Nano has it. */
export const linkNeededPage = (visit: Visit): Promise<Response> => {
  const { t } = visit;
  return page(
    visit,
    { title: t("Welcome to Nano") },
    <div class="card-form">
      <h1 safe>{t("Welcome to Nano")}</h1>
      <p class="lead" safe>
        {t("This zone has no people yet. Its administrator is created with a one-time link.")}
      </p>
      <p safe>{t("“./nanoctl up” printed the link. Where Nano was started, this prints a new one:")}</p>
      <p class="secret">
        <code>./nanoctl setup-link</code>
        <Copy visit={visit} text="./nanoctl setup-link" />
      </p>
    </div>,
  );
};

export const setupPage = (visit: Visit, form: PersonForm): Promise<Response> => {
  const { t } = visit;
  const { error, problems = noProblems } = form;
  return page(
    visit,
    { title: t("Welcome to Nano"), status: form.status ?? 200 },
    <div class="card-form">
      <h1 safe>{t("Welcome to Nano")}</h1>
      <p class="lead" safe>
        {t(
          "This zone has no people yet. Create its administrator; then add a cell, get an image and create your first instance.",
        )}
      </p>
      {error ? <ErrorNotice visit={visit} error={error} /> : null}
      <form method="post" action={to.setup} class="form" hx-boost="false">
        <input type="hidden" name="secret" value={escapeHtml(form.secret ?? "")} />
        <TextField
          visit={visit}
          name="name"
          label={t("Name")}
          hint={t("Small letters, digits and . _ -")}
          value={form.name}
          required
          maxlength={64}
          autocomplete="username"
          autofocus
          problems={problems}
        />
        <TextField
          visit={visit}
          name="password"
          type="password"
          label={t("Password")}
          hint={t("At least 10 characters")}
          value=""
          required
          maxlength={256}
          autocomplete="new-password"
          problems={problems}
        />
        <TextField
          visit={visit}
          name="again"
          type="password"
          label={t("Password, once more")}
          value=""
          required
          maxlength={256}
          autocomplete="new-password"
          problems={problems}
        />
        <div class="form-actions">
          <SubmitButton look={{ label: t("Create the administrator"), kind: "primary" }} />
        </div>
      </form>
    </div>,
  );
};
