/** What of a form does not fit, in one place at its head: each with a link to its field, which the script focuses. */
import type { Visit } from "../http/visit.ts";
import type { ChineseKey } from "../text/chinese.ts";
import { anchorOf, type Problems } from "./fields.tsx";
import { Notice } from "./notice.tsx";

const labels: Readonly<Record<string, ChineseKey>> = {
  name: "Name",
  prefix: "Name",
  count: "How many",
  description: "Description",
  tags: "Tags",
  owner: "Owner",
  pool: "Pool",
  cores: "Cores",
  memoryMiB: "Memory",
  mac: "MAC address",
  image: "System disk",
  sizeGiB: "Size",
  dataDisks: "Disks",
  user: "Administrator",
  password: "Password",
  hostname: "Host name",
  sshKeys: "SSH keys",
  address: "Fixed address",
  gateway: "Gateway",
  dns: "Name servers",
  userData: "User data of your own",
  dataPath: "Where data disks are mounted",
  instance: "Instance",
};
const labelOf = (pointer: string): ChineseKey | undefined => {
  const parts = pointer.split("/").filter((part) => !/^\d*$/.test(part));
  const known = parts.reverse().find((part) => Object.hasOwn(labels, part));
  return known === undefined ? undefined : labels[known];
};

export const ProblemSummary = ({ visit, problems }: { visit: Visit; problems: Problems }) => {
  if (problems.size === 0) return "";
  return (
    <Notice tone="bad">
      <p>
        <b safe>{visit.t("Something does not fit yet")}</b>
      </p>
      <ul class="problem-list">
        {[...problems].map(([pointer, problem]) => {
          const label = labelOf(pointer);
          return (
            <li>
              <a href={`#${anchorOf(pointer)}`} hx-boost="false" safe>
                {label === undefined ? visit.say(problem) : `${visit.t(label)}: ${visit.say(problem)}`}
              </a>
            </li>
          );
        })}
      </ul>
    </Notice>
  );
};
