/** One tab of an instance's page: what it asks for, what it shows, and the commands that do the same. */
import type { Instance } from "@nano/contract";
import type { Visit } from "../../http/visit.ts";
import type { InstanceTab } from "../../paths.ts";
import type { ChineseKey } from "../../text/chinese.ts";
import type { Command } from "../../view/command.tsx";

export interface Tab {
  readonly name: InstanceTab;
  readonly text: ChineseKey;
  /** Markup. What it needs that cannot be had is shown as the notice of its error, not thrown. */
  render(visit: Visit, instance: Instance): Promise<string>;
  /** What it follows beside its instance: `clock`, every 10 s. */
  readonly follows?: readonly string[];
  commands(instance: Instance): readonly Command[];
}
