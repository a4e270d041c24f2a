import type { Children } from "@kitajs/html";
import { Icon } from "./icons.tsx";

export const Notice = ({ tone, children }: { tone: "info" | "warn" | "bad" | "good"; children?: Children }) => (
  <div class={`notice notice-${tone}`} role={tone === "bad" ? "alert" : "note"}>
    <Icon name={tone === "info" ? "info" : tone === "good" ? "check" : "warning"} />
    <div>{children}</div>
  </div>
);
