/** Commands of two words: `nanoctl image list`. */
import { Problem } from "./problem.ts";

export type Verb = (args: readonly string[]) => Promise<void>;

/** Each is loaded only when it is asked for. @throws {Problem} naming those that there are */
export async function verbOf(
  command: string,
  verb: string,
  verbs: Readonly<Record<string, () => Promise<Verb>>>,
): Promise<Verb> {
  const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined;
  if (!load)
    throw new Problem(
      verb === "" ? `${command} takes what to do` : `${command} cannot "${verb}"`,
      `There are: ${Object.keys(verbs).join(", ")}. ./nanoctl help shows them.`,
    );
  return await load();
}
