/** What the REST door adds to the three operations that begin and end a session: the cookie. */
import type { OperationName } from "@nano/contract";
import { sessionLifeMs } from "../people/recognize.ts";
import type { Output } from "./answer.ts";
import type { Caller } from "./caller.ts";

const attributes = (secure: boolean) => `Path=/; HttpOnly; SameSite=Strict${secure ? "; Secure" : ""}`;

/** Inputs that come from the cookie alone: a secret does not belong into an address. */
export const ownInputs = (name: OperationName, caller: Caller): Readonly<Record<string, unknown>> =>
  name === "session.delete" && caller.session !== undefined ? { session: caller.session } : {};
/** Fields of an input that REST clients do not send. */
export const hiddenInputs = (name: OperationName): readonly string[] => {
  switch (name) {
    case "session.delete":
      return ["session"];
    case "session.create":
    case "setup.create":
      return ["device"];
    default:
      return [];
  }
};

/** @param cookie its name */
export const cookieHeader = (
  name: OperationName,
  output: Output,
  { cookie, secure }: { readonly cookie: string; readonly secure: boolean },
): Record<string, string> => {
  switch (name) {
    case "setup.create":
    case "session.create":
      return {
        "set-cookie": `${cookie}=${String(output.session)}; ${attributes(secure)}; Max-Age=${sessionLifeMs / 1_000}`,
      };
    case "session.delete":
      return { "set-cookie": `${cookie}=; ${attributes(secure)}; Max-Age=0` };
    default:
      return {};
  }
};
/** Logging in anew ends the session the browser had before: nobody's planted cookie lives on (session fixation). */
export const endsEarlierSession = (name: OperationName): boolean => name === "session.create";
