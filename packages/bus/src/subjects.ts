/** How subjects match each other, as nats-server does it. */

/** Whether some subject fits both patterns. */
export const overlap = (one: string, other: string): boolean => {
  const [left, right] = [one.split("."), other.split(".")];
  for (let i = 0; ; i++) {
    const [a, b] = [left[i], right[i]];
    if (a === undefined && b === undefined) return true;
    if (a === undefined || b === undefined) return false;
    if (a === ">" || b === ">") return true;
    if (a !== "*" && b !== "*" && a !== b) return false;
  }
};
