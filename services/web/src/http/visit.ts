/**
 * One request to the portal, with everything a page needs to answer it: who asks, in which language, and the way to the
 * zone.
 */
import type { CallContext } from "@nano/bus";
import {
  type Actor,
  decode,
  type ErrorCode,
  type Input,
  mayDo,
  NanoError,
  type OperationName,
  type OperationsOf,
  type Output,
  operationOf,
  operations,
} from "@nano/contract";
import type { PortalConfig } from "../config.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { formatDuration } from "../text/format.ts";
import { type Language, type Translate, translateKnown, translator, type Values } from "../text/translate.ts";
import type { Way } from "../view/ways.tsx";

export type ZoneOperation = Exclude<OperationName, OperationsOf<"cell">>;
export type Theme = "auto" | "light" | "dark";
export const isTheme = (text: string | undefined): text is Theme =>
  text === "auto" || text === "light" || text === "dark";

/** Shown once on the page that follows a change. Travels in a cookie, so it holds keys of the catalogue, never HTML. */
export interface Flash {
  readonly kind: "done" | "failed";
  readonly text: ChineseKey;
  readonly values?: Values;
  readonly task?: string;
  readonly error?: ErrorCode;
  /** What the owner said, when it refused, and what to do about it. */
  readonly detail?: string;
  readonly remedy?: string;
  readonly way?: Way;
}

export type Attempt<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly error: NanoError };

/** How a visit reaches the zone: the bus with this visitor's identity. */
export type Call = <N extends ZoneOperation>(
  name: N,
  input: Input<N>,
  context?: Pick<CallContext, "idempotencyKey" | "deadlineMs">,
) => Promise<Output<N>>;

export interface VisitFacts {
  readonly request: Request;
  readonly url: URL;
  readonly params: Readonly<Record<string, string>>;
  readonly requestId: string;
  readonly actor: Actor;
  readonly session?: string;
  /** What this browser keeps of an earlier login; empty if nothing. */
  readonly device: string;
  readonly language: Language;
  readonly theme: Theme;
  /** Whether this person wants pages to follow what happens. */
  readonly live: boolean;
  readonly flash?: Flash;
  readonly config: PortalConfig;
  /** Milliseconds since the epoch. */
  readonly now: number;
  /** The newest event this portal has seen: what is rendered now is at least as new. */
  readonly sequence: number;
}

/** A request as htmx makes it to refresh a part: not the page a person came to, so a toast waiting for them stays. */
export const isPartial = (request: Request): boolean =>
  request.headers.has("hx-request") && !request.headers.has("hx-boosted");

export class Visit {
  readonly t: Translate;

  constructor(
    readonly facts: VisitFacts,
    readonly call: Call,
  ) {
    this.t = translator(facts.language);
  }

  get url(): URL {
    return this.facts.url;
  }

  /** A part of the path; the router has made sure that it is there. */
  param(name: string): string {
    return this.facts.params[name] ?? "";
  }

  query(name: string): string {
    return (this.facts.url.searchParams.get(name) ?? "").trim();
  }

  /** Path and query as they were asked for; never an address of elsewhere, as `//evil.test` would be. */
  get here(): string {
    const { pathname, search } = this.facts.url;
    return pathname.startsWith("//") ? "/" : `${pathname}${search}`;
  }

  /** Only a part of the page is looked at: the rest need not be found out. */
  get isPartial(): boolean {
    return isPartial(this.facts.request);
  }

  get known(): boolean {
    return this.facts.actor.kind !== "anonymous";
  }

  /**
   * Whether the owner will let this person do it; the owner decides, this only keeps us from offering what it will
   * refuse.
   */
  may(name: ZoneOperation): boolean {
    return mayDo(this.facts.actor, operationOf(name).requires);
  }

  /** An administrator: whoever may do everything. */
  get mayAll(): boolean {
    return this.facts.actor.permissions.includes("*");
  }

  /** For parts of a page that the rest can do without, and for forms that show what the owner said. */
  async attempt<N extends ZoneOperation>(
    name: N,
    input: Input<N>,
    context?: Pick<CallContext, "idempotencyKey" | "deadlineMs">,
  ): Promise<Attempt<Output<N>>> {
    try {
      return { ok: true, value: await this.call(name, input, context) };
    } catch (thrown) {
      return { ok: false, error: NanoError.from(thrown, `calling ${name}`) };
    }
  }

  /**
   * What was typed into a form: checked against the contract first, so a bad field is named without a call, and in the
   * same words as the owner would.
   */
  async submit<N extends ZoneOperation>(
    name: N,
    typed: Readonly<Record<string, unknown>>,
    context?: Pick<CallContext, "idempotencyKey" | "deadlineMs">,
  ): Promise<Attempt<Output<N>>> {
    try {
      const input: Input<N> = decode(operations[name].input, typed, operationOf(name).summary);
      return { ok: true, value: await this.call(name, input, context) };
    } catch (thrown) {
      return { ok: false, error: NanoError.from(thrown, `calling ${name}`) };
    }
  }

  /** The contract's and the owners' words, in the reader's language where the catalogue has them. */
  say(text: string): string {
    return translateKnown(this.facts.language, text);
  }

  /** How long, in the reader's language. */
  duration(milliseconds: number): string {
    return formatDuration(milliseconds, this.facts.language);
  }

  /** A word of the contract (a state, a step) as a person reads it. */
  word(text: string): string {
    const said = this.say(text);
    return said === text ? text.replaceAll("-", " ") : said;
  }
}
