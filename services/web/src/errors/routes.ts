import { isErrorCode, NanoError } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { get, type Route } from "../route.ts";
import { errorCodePage, errorIndexPage } from "./pages.tsx";

const explain = (visit: Visit): Promise<Response> => {
  const code = visit.param("code");
  if (!isErrorCode(code)) throw new NanoError("unknown-operation", `There is no error called “${code.slice(0, 64)}”`);
  return errorCodePage(visit, code);
};

export const errorRoutes: readonly Route[] = [
  get("/errors", errorIndexPage, { anonymous: true, busless: true }),
  get("/errors/:code", explain, { anonymous: true, busless: true }),
];
