/** First run, login, logout, and each person's preferences. */
import type { NanoError, Output } from "@nano/contract";
import { deviceCookie, languageCookie, liveCookie, sessionCookie, themeCookie, writeCookie } from "../http/cookies.ts";
import { readForm } from "../http/forms.ts";
import { fieldProblems, isSecure, seeOther } from "../http/respond.ts";
import { localPath, safeNext } from "../http/security.ts";
import { isTheme, type Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { get, post, type Route } from "../route.ts";
import { isLanguage } from "../text/translate.ts";
import { linkNeededPage, loginPage, setupPage } from "./form.tsx";

const yearSeconds = 365 * 86_400;

/**
 * The cookie that carries a session, for as long as the gateway keeps it, and the one by which the gateway knows this
 * browser at the next login.
 */
const keepSession = (visit: Visit, { session, expiresAt, device }: Output<"session.create">): string[] => {
  const secure = isSecure(visit);
  const maxAgeSeconds = Math.max(60, (Date.parse(expiresAt) - visit.facts.now) / 1000);
  return [
    writeCookie(sessionCookie, session, { maxAgeSeconds, secure }),
    ...(device === undefined ? [] : [writeCookie(deviceCookie, device, { maxAgeSeconds: yearSeconds, secure })]),
  ];
};
const dropSession = (visit: Visit): string =>
  writeCookie(sessionCookie, "", { maxAgeSeconds: 0, secure: isSecure(visit) });

const refusal = (error: NanoError) => ({ error, problems: fieldProblems(error), status: error.status });

const showSetup = async (visit: Visit): Promise<Response> => {
  const { needed } = await visit.call("setup.get", {});
  if (!needed) return seeOther(visit, to.login());
  const secret = visit.query("secret");
  return secret === "" ? linkNeededPage(visit) : setupPage(visit, { name: "admin", next: "/", secret });
};

const createAdministrator = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const name = form.text("name");
  const password = form.raw("password");
  const secret = form.text("secret");
  if (secret === "") return linkNeededPage(visit);
  if (password !== form.raw("again"))
    return setupPage(visit, {
      name,
      next: "/",
      secret,
      problems: new Map([["/again", visit.t("The two passwords differ")]]),
      status: 422,
    });
  const made = await visit.attempt("setup.create", { name, password, secret, device: visit.facts.device });
  if (!made.ok) return setupPage(visit, { name, next: "/", secret, ...refusal(made.error) });
  return seeOther(
    visit,
    to.dashboard,
    { kind: "done", text: "Welcome, {name}", values: { name } },
    keepSession(visit, made.value),
  );
};

const showLogin = async (visit: Visit): Promise<Response> => {
  const next = safeNext(visit.query("next"));
  if (visit.known) return seeOther(visit, next);
  const { needed } = await visit.call("setup.get", {});
  return needed ? seeOther(visit, to.setup) : loginPage(visit, { name: "", next });
};

const logIn = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const name = form.text("name");
  const next = safeNext(form.text("next"));
  const opened = await visit.attempt("session.create", {
    name,
    password: form.raw("password"),
    device: visit.facts.device,
  });
  if (!opened.ok) return loginPage(visit, { name, next, ...refusal(opened.error) });
  // Whoever had this browser before is not logged in any more, and a planted cookie is worth nothing (session
  // fixation).
  if (visit.facts.session !== undefined) await visit.attempt("session.delete", { session: visit.facts.session });
  return seeOther(visit, next, undefined, keepSession(visit, opened.value));
};

const logOut = async (visit: Visit): Promise<Response> => {
  const { session } = visit.facts;
  // The cookie goes in any case; what the gateway could not end now ends by itself.
  if (session) await visit.attempt("session.delete", { session });
  return seeOther(visit, to.login(), undefined, [dropSession(visit)]);
};

const setPreferences = async (visit: Visit): Promise<Response> => {
  const form = await readForm(visit.facts.request);
  const options = { maxAgeSeconds: yearSeconds, secure: isSecure(visit) };
  const cookies: string[] = [];
  const language = form.text("language");
  const theme = form.text("theme");
  const live = form.text("live");
  if (isLanguage(language)) cookies.push(writeCookie(languageCookie, language, options));
  if (isTheme(theme)) cookies.push(writeCookie(themeCookie, theme, options));
  if (live === "on" || live === "off") cookies.push(writeCookie(liveCookie, live, options));
  // Login and setup are left by `safeNext` on purpose; preferences are the one change made there.
  const asked = new URL(localPath(form.text("next")) ?? "/", "http://portal.invalid");
  asked.searchParams.delete("lang");
  const path = `${asked.pathname}${asked.search}`;
  return seeOther(visit, path, undefined, cookies);
};

export const peopleRoutes: readonly Route[] = [
  get("/setup", showSetup, { anonymous: true }),
  post("/setup", createAdministrator, { anonymous: true }),
  get("/login", showLogin, { anonymous: true }),
  post("/login", logIn, { anonymous: true }),
  post("/logout", logOut, { anonymous: true }),
  post("/preferences", setPreferences, { anonymous: true, busless: true }),
];
