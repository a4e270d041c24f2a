/**
 * "Show as command": the `curl` and the `nats req` that do the same as a form or a button, generated from the contract.
 */
import { escapeHtml } from "@kitajs/html";
import { curlCommand, natsCommand, operationOf } from "@nano/contract";
import type { Visit, ZoneOperation } from "../http/visit.ts";
import { Said } from "./error-notice.tsx";
import { Icon } from "./icons.tsx";

export interface Command {
  readonly operation: ZoneOperation;
  readonly input: Readonly<Record<string, unknown>>;
}

const One = ({ visit, kind, text }: { visit: Visit; kind: string; text: string }) => (
  <div class="command">
    <span class="command-kind" safe>
      {kind}
    </span>
    <pre class="command-text">
      <code safe>{text}</code>
    </pre>
    <button
      type="button"
      class="icon-button js-only"
      data-copy={escapeHtml(text)}
      title={escapeHtml(visit.t("Copy"))}
      aria-label={escapeHtml(`${visit.t("Copy")} ${kind}`)}
    >
      <Icon name="copy" />
    </button>
  </div>
);

const publicApi = (visit: Visit): string => visit.facts.config.webUrl;

export const CommandBody = ({ visit, commands }: { visit: Visit; commands: readonly Command[] }) => (
  <div class="commands">
    {commands.map(({ operation, input }) => (
      <div class="command-group">
        {commands.length > 1 ? (
          <p class="command-title">
            <code>{operation}</code> <Said visit={visit} class="quiet" text={operationOf(operation).summary} />
          </p>
        ) : null}
        {operationOf(operation).rest ? (
          <One visit={visit} kind="curl" text={curlCommand(operation, input, publicApi(visit))} />
        ) : null}
        <One visit={visit} kind="nats" text={natsCommand(operation, input)} />
      </div>
    ))}
  </div>
);

export const ShowAsCommand = ({ visit, commands }: { visit: Visit; commands: readonly Command[] }) => (
  <details class="disclosure">
    <summary>
      <Icon name="code" />
      <span safe>{commands.length > 1 ? visit.t("Show as commands") : visit.t("Show as command")}</span>
    </summary>
    <CommandBody visit={visit} commands={commands} />
  </details>
);
