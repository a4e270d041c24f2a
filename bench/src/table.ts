/** The printed table: aligned in a terminal, and a Markdown table when read by one. */
import type { Row } from "./bench.ts";
import { ratio, show, showRatio } from "./figure.ts";
import { isMet, showTarget } from "./target.ts";

const headings = ["what", "measured", "floor or peer (same run)", "ratio", "target", "verdict"] as const;

export function table(rows: readonly Row[]): string {
  const lines = [[...headings], ...rows.map(cells)];
  const widths = headings.map((_, column) => Math.max(...lines.map((line) => Bun.stringWidth(line[column] ?? ""))));
  const render = (line: readonly string[]) =>
    `| ${widths.map((width, column) => pad(line[column] ?? "", width)).join(" | ")} |`;
  const [head = [], ...body] = lines;
  return [render(head), `|${widths.map((width) => "-".repeat(width + 2)).join("|")}|`, ...body.map(render)].join("\n");
}

function cells({ what, measured, peer, target }: Row): string[] {
  return [
    what,
    show(measured),
    peer ? `${peer.name}: ${show(peer.figure)}` : "–",
    peer ? showRatio(ratio(measured, peer.figure)) : "–",
    target ? showTarget(target, measured) : "–",
    target ? (isMet(target, measured, peer?.figure) ? "met" : "MISSED") : "–",
  ];
}

const pad = (text: string, width: number): string => text + " ".repeat(width - Bun.stringWidth(text));
