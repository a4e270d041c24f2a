/**
 * What each error means (the `type` of the REST API's problem documents points here), and the portal's own failures.
 */
import {
  bodyForPeople,
  type ErrorCode,
  errorDefinitions,
  isErrorCode,
  NanoError,
  operationNames,
  operationOf,
} from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { to } from "../paths.ts";
import { page } from "../view/layout.tsx";
import { FactRow, Facts, LinkButton, Mono, Notice, PageHead, Panel, Said } from "../view/parts.tsx";
import { Head } from "../view/table.tsx";
import { WayButton, wayOf } from "../view/ways.tsx";

const codes = Object.keys(errorDefinitions).filter(isErrorCode);

export const errorIndexPage = (visit: Visit): Promise<Response> => {
  const { t } = visit;
  return page(
    visit,
    { title: t("Errors"), crumbs: [{ text: t("Errors") }], wide: true },
    <>
      <PageHead
        title={t("Errors")}
        lead={t("Every error has a stable code, a meaning and something to do about it.")}
      />
      <Panel>
        <div class="table-wrap">
          <table class="table">
            <thead>
              <tr>
                <Head text={t("Code")} />
                <th scope="col">HTTP</th>
                <Head text={t("Meaning")} />
              </tr>
            </thead>
            <tbody>
              {codes.map((code) => (
                <tr>
                  <td data-label={t("Code")}>
                    <a href={to.error(code)}>
                      <code>{code}</code>
                    </a>
                  </td>
                  <td data-label="HTTP" class="num">
                    {errorDefinitions[code].status}
                  </td>
                  <td data-label={t("Meaning")} safe>
                    {visit.say(errorDefinitions[code].title)}
                  </td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      </Panel>
    </>,
  );
};

export const errorCodePage = (visit: Visit, code: ErrorCode): Promise<Response> => {
  const { t } = visit;
  const { title, remedy, status, retryable } = errorDefinitions[code];
  const answers = operationNames.filter(
    (name) => operationOf(name).errors.includes(code) && operationOf(name).owner !== "cell",
  );
  return page(
    visit,
    { title: visit.say(title), crumbs: [{ text: t("Errors"), path: to.errors }, { text: code }] },
    <div class="narrow">
      <PageHead title={visit.say(title)} />
      <Panel title={t("What to do")}>
        <p safe>{visit.say(remedy)}</p>
        {retryable ? (
          <Notice tone="info">
            <p safe>{t("The same request may succeed later without being changed.")}</p>
          </Notice>
        ) : null}
      </Panel>
      <Panel title={t("About")}>
        <Facts>
          <FactRow term={t("Code")}>
            <Mono visit={visit} text={code} />
          </FactRow>
          <FactRow term="HTTP">
            <span>{status}</span>
          </FactRow>
          {answers.length > 0 ? (
            <FactRow term={t("Answered by")}>
              <span class="chips">
                {answers.map((name) => (
                  <code class="chip">{name}</code>
                ))}
              </span>
            </FactRow>
          ) : null}
        </Facts>
      </Panel>
      <p>
        <a href={to.errors} safe>
          {t("All errors")}
        </a>
      </p>
    </div>,
  );
};

/** What a person sees when a page could not be made: the error in words, and what to do. */
export const failurePage = (visit: Visit, thrown: NanoError): Promise<Response> => {
  const error = NanoError.fromBody(bodyForPeople(thrown));
  const { t } = visit;
  const { title, status, retryable } = errorDefinitions[error.code];
  const away = error.code === "unavailable" || error.code === "deadline-exceeded";
  return page(
    visit,
    {
      title: visit.say(title),
      status,
      crumbs: [{ text: visit.say(title) }],
      ...(away ? { refreshSeconds: 5, headers: { "Retry-After": "5" } } : {}),
    },
    <div class="failure">
      <p class="failure-code">{status}</p>
      <h1 safe>{visit.say(title)}</h1>
      <p class="lead">
        <Said visit={visit} text={error.message} />
      </p>
      <p>
        <Said visit={visit} text={error.remedy} />
      </p>
      <div class="empty-actions">
        {retryable ? (
          <LinkButton
            href={visit.facts.request.method === "GET" ? visit.here : to.dashboard}
            look={{ label: t("Try again"), icon: "reboot", kind: "primary" }}
            boosted={false}
          />
        ) : null}
        <WayButton visit={visit} way={wayOf(error)} />
        <LinkButton href={to.dashboard} look={{ label: t("Dashboard"), icon: "dashboard" }} />
      </div>
      <p class="quiet request-id">
        <span safe>{t("Request")}</span> <Mono visit={visit} text={visit.facts.requestId} />
      </p>
    </div>,
  );
};

/** There is nothing at this address. */
export const notFoundPage = (visit: Visit): Promise<Response> => {
  const { t } = visit;
  return page(
    visit,
    { title: t("Not found"), status: 404, crumbs: [{ text: t("Not found") }] },
    <div class="failure">
      <p class="failure-code">404</p>
      <h1 safe>{t("There is nothing here")}</h1>
      <p class="lead" safe>
        {t("The address may be mistyped, or what was here is gone.")}
      </p>
      <div class="empty-actions">
        <LinkButton href={to.dashboard} look={{ label: t("Dashboard"), icon: "dashboard", kind: "primary" }} />
        <LinkButton href={to.instances} look={{ label: t("Instances"), icon: "instance" }} />
      </div>
    </div>,
  );
};
