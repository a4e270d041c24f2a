import { type Permission, permissions } from "@nano/contract";
import { readForm } from "../http/forms.ts";
import { readId } from "../http/ids.ts";
import { failedFlash, fieldProblems, seeOther } from "../http/respond.ts";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { confirmPage } from "../view/confirm.tsx";
import { pageQuery } from "../view/table.tsx";
import { emptyTokenForm, type TokenForm, tokensPage } from "./page.tsx";

const listTokens = async (visit: Visit): Promise<Response> =>
  tokensPage(visit, await visit.call("token.list", pageQuery(visit, 50)), emptyTokenForm());

const isKnown = (text: string): text is Permission => Object.hasOwn(permissions, text);

const createToken = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const chosen = form.all("permission").filter(isKnown);
  const typed: TokenForm = {
    name: form.text("name"),
    days: form.text("expiresInDays"),
    limited: form.text("scope") === "some",
    chosen,
    key: form.text("key"),
  };
  const made = await visit.submit(
    "token.create",
    {
      name: typed.name,
      ...(typed.days === "" ? {} : { expiresInDays: form.number("expiresInDays") }),
      ...(typed.limited ? { permissions: chosen } : {}),
    },
    { idempotencyKey: typed.key },
  );
  const tokens = await visit.call("token.list", pageQuery(visit, 50));
  if (!made.ok)
    return tokensPage(
      visit,
      tokens,
      { ...typed, error: made.error, problems: fieldProblems(made.error) },
      { status: made.error.status },
    );
  // The one page that is not redirected to: the secret must not travel in an address or a cookie, and reload must not
  // show it again.
  return tokensPage(visit, tokens, emptyTokenForm(), { status: 201, made: made.value });
};

const askRevoke = async (visit: Visit): Promise<Response> => {
  const { t } = visit;
  const id = readId.token(visit.param("id"));
  const name = (await visit.call("token.list", { limit: 500 })).items.find((token) => token.id === id)?.name ?? id;
  const title = t("Revoke the token “{name}”?", { name });
  return confirmPage(
    visit,
    { title, section: "tokens", crumbs: [{ text: t("API tokens"), path: to.tokens }, { text: t("Revoke") }] },
    {
      title,
      losses: [t("Every script that uses it is refused from now on. It cannot be brought back.")],
      action: to.tokenDelete(id),
      back: to.tokens,
      button: t("Revoke the token"),
      commands: [{ operation: "token.delete", input: { id } }],
    },
  );
};

const revoke = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const gone = await visit.attempt(
    "token.delete",
    { id: readId.token(visit.param("id")) },
    { idempotencyKey: form.text("key") },
  );
  return seeOther(
    visit,
    to.tokens,
    gone.ok ? { kind: "done", text: "The token was revoked" } : failedFlash(gone.error),
  );
};

export const tokenRoutes: readonly Route[] = [
  get("/tokens", listTokens),
  post("/tokens", createToken),
  get("/tokens/:id/delete", askRevoke),
  post("/tokens/:id/delete", revoke),
];
