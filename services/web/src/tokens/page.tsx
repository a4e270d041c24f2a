import { escapeHtml } from "@kitajs/html";
import { type NanoError, type Output, type Permission, permissions } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { ShowAsCommand } from "../view/command.tsx";
import { NumberField, noProblems, type Problems, TextField } from "../view/fields.tsx";
import { page } from "../view/layout.tsx";
import { ConfirmLink, Copy, Empty, ErrorNotice, Notice, PageHead, Panel, SubmitButton, Time } from "../view/parts.tsx";
import { Head, Pager } from "../view/table.tsx";

export interface TokenForm {
  readonly name: string;
  readonly days: string;
  readonly limited: boolean;
  readonly chosen: readonly Permission[];
  readonly key: string;
  readonly error?: NanoError;
  readonly problems?: Problems;
}
export const emptyTokenForm = (): TokenForm => ({
  name: "",
  days: "90",
  limited: false,
  chosen: [],
  key: crypto.randomUUID(),
});

const permissionNames = Object.keys(permissions).filter((name): name is Permission => Object.hasOwn(permissions, name));

const Secret = ({ visit, made }: { visit: Visit; made: Output<"token.create"> }) => (
  <Notice tone="good">
    <p>
      <b safe>{visit.t("The token “{name}” is shown once. Copy it now.", { name: made.token.name })}</b>
    </p>
    <p class="secret">
      <code safe>{made.secret}</code>
      <Copy visit={visit} text={made.secret} />
    </p>
    <p class="quiet">{`export NANO_TOKEN=…`}</p>
  </Notice>
);

const TokenTable = ({ visit, tokens }: { visit: Visit; tokens: Output<"token.list"> }) => {
  const { t } = visit;
  return (
    <div class="table-wrap">
      <table class="table">
        <thead>
          <tr>
            <Head text={t("Name")} />
            <Head text={t("May")} />
            <Head text={t("Created")} />
            <Head text={t("Last used")} />
            <Head text={t("Expires")} />
            <Head text={t("Actions")} hidden />
          </tr>
        </thead>
        <tbody>
          {tokens.items.map((token) => (
            <tr>
              <td data-label={t("Name")}>
                <span class="strong" safe>
                  {token.name}
                </span>
              </td>
              <td data-label={t("May")}>
                <span title={escapeHtml(token.permissions.join(", "))} safe>
                  {token.permissions.includes("*")
                    ? t("everything you may")
                    : t("{count} {count|permission|permissions}", { count: token.permissions.length })}
                </span>
              </td>
              <td data-label={t("Created")}>
                <Time at={token.createdAt} relative />
              </td>
              <td data-label={t("Last used")}>
                {token.lastUsedAt ? (
                  <Time at={token.lastUsedAt} relative />
                ) : (
                  <span class="quiet" safe>
                    {t("never")}
                  </span>
                )}
              </td>
              <td data-label={t("Expires")}>
                {token.expiresAt ? (
                  <Time at={token.expiresAt} relative />
                ) : (
                  <span class="quiet" safe>
                    {t("never")}
                  </span>
                )}
              </td>
              <td class="row-actions">
                <ConfirmLink
                  href={to.tokenDelete(token.id)}
                  look={{ label: t("Revoke"), icon: "trash", small: true }}
                />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
};

const NewToken = ({ visit, form }: { visit: Visit; form: TokenForm }) => {
  const { t } = visit;
  const problems = form.problems ?? noProblems;
  const { error } = form;
  return (
    <Panel title={t("Create a token")}>
      {error && problems.size === 0 ? <ErrorNotice visit={visit} error={error} /> : null}
      <form method="post" action={to.tokens} class="form">
        <input type="hidden" name="key" value={escapeHtml(form.key)} />
        <TextField
          visit={visit}
          name="name"
          label={t("Name")}
          hint={t("What will use it, like “deploy script”")}
          value={form.name}
          required
          maxlength={128}
          problems={problems}
        />
        <NumberField
          visit={visit}
          name="expiresInDays"
          label={t("Good for")}
          unit={t("days")}
          value={form.days}
          minimum={1}
          maximum={3650}
          presets={[7, 30, 90, 365].map((days) => ({ value: days, label: String(days) }))}
          problems={problems}
        />
        <fieldset class="scope">
          <legend safe>{t("It may do")}</legend>
          <label class="check">
            <input type="radio" name="scope" value="all" checked={!form.limited} />
            <span safe>{t("everything you may do")}</span>
          </label>
          <label class="check">
            <input type="radio" name="scope" value="some" checked={form.limited} />
            <span safe>{t("only this:")}</span>
          </label>
          <div class="permissions">
            {permissionNames.map((name) => (
              <label class="check">
                <input type="checkbox" name="permission" value={name} checked={form.chosen.includes(name)} />
                <span>
                  <span safe>{visit.say(permissions[name])}</span> <code class="quiet">{name}</code>
                </span>
              </label>
            ))}
          </div>
        </fieldset>
        <div class="form-actions">
          <SubmitButton look={{ label: t("Create the token"), kind: "primary" }} />
        </div>
      </form>
      <ShowAsCommand
        visit={visit}
        commands={[
          {
            operation: "token.create",
            input: { name: form.name || "deploy script", expiresInDays: Number(form.days) || 90 },
          },
        ]}
      />
    </Panel>
  );
};

export const tokensPage = (
  visit: Visit,
  tokens: Output<"token.list">,
  form: TokenForm,
  outcome: { status?: number; made?: Output<"token.create"> } = {},
): Promise<Response> => {
  const { t } = visit;
  const { made, status = 200 } = outcome;
  return page(
    visit,
    { title: t("API tokens"), section: "tokens", crumbs: [{ text: t("API tokens") }], status },
    <>
      <PageHead
        title={t("API tokens")}
        lead={t("For scripts: sent as “Authorization: Bearer …” to the REST API. Only a hash of each is kept.")}
      />
      {made ? <Secret visit={visit} made={made} /> : null}
      <div class="columns columns-2-1">
        <div>
          {tokens.items.length > 0 ? (
            <Panel title={t("Your tokens")}>
              <TokenTable visit={visit} tokens={tokens} />
            </Panel>
          ) : (
            <Empty icon="key" title={t("No tokens yet")} text={t("Create one to use the REST API from a script.")} />
          )}
          <Pager visit={visit} shown={tokens.items.length} total={tokens.total} next={tokens.next} />
        </div>
        <NewToken visit={visit} form={form} />
      </div>
    </>,
  );
};
