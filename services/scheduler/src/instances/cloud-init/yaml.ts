/**
 * Whether a guest's cloud-init can read a YAML text. It reads with PyYAML, which, unlike others, takes a tab for no
 * blank: one outside of quotes, comments and block scalars is an error, and cloud-init then drops the whole text.
 */
import { CST, Lexer } from "yaml";

/** @returns the number of the first line with a tab that PyYAML stumbles over */
const lineOfStrayTab = (text: string): number | undefined => {
  let line = 1;
  let block = false;
  let scalarFollows = false;
  for (const lexeme of new Lexer().lex(text)) {
    const type = CST.tokenType(lexeme);
    if (type === "scalar") {
      scalarFollows = true;
      continue;
    }
    if (type === "block-scalar-header") block = true;
    const quoted = type === "single-quoted-scalar" || type === "double-quoted-scalar";
    const free = quoted || type === "comment" || (scalarFollows && block);
    const tab = free ? -1 : lexeme.indexOf("\t");
    if (tab >= 0) return line + (lexeme.slice(0, tab).match(/\n/g)?.length ?? 0);
    if (scalarFollows) block = false;
    scalarFollows = false;
    line += lexeme.match(/\n/g)?.length ?? 0;
  }
  return undefined;
};

/**
 * @param shape what it must be as a whole; nothing at all is right, too
 * @returns what is wrong with it
 */
export const yamlProblem = (text: string, shape: "mapping" | "sequence"): string | undefined => {
  const line = lineOfStrayTab(text);
  if (line !== undefined) return `There is a tab in line ${line}, where cloud-init takes only spaces`;
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch (error) {
    return `This is not well-formed YAML: ${error instanceof Error ? error.message.slice(0, 200) : "it cannot be read"}`;
  }
  if (value === null || value === undefined) return undefined;
  const isRight = shape === "sequence" ? Array.isArray(value) : typeof value === "object" && !Array.isArray(value);
  return isRight ? undefined : `Give a YAML ${shape}`;
};
