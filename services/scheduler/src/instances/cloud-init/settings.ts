/**
 * From what was asked for to what is kept: defaults filled in, the password hashed, what schemas cannot say checked.
 */
import { isIP } from "node:net";
import {
  type CloudInitFacts,
  type CloudInitInput,
  type CloudInitSettings,
  type FieldProblem,
  type GuestNetwork,
  NanoError,
  readSshKeys,
  sshKeyLength,
  sshKeysMax,
  tidyUserData,
  userDataBeginnings,
  userDataKind,
} from "@nano/contract";
import { generatePassword } from "./crypt.ts";
import type { HashPassword } from "./hasher.ts";
import { yamlProblem } from "./yaml.ts";

export interface PreparedCloudInit {
  readonly settings: CloudInitSettings;
  readonly facts: CloudInitFacts;
  /** To be told once. */
  readonly generatedPassword?: string;
}

/** What cloud-init would drop without a word, in a log that nobody reads. */
const userDataProblem = (text: string): string | undefined => {
  const kind = userDataKind(text);
  if (!kind)
    return `cloud-init would ignore this. Begin with one of ${userDataBeginnings.join(", ")}, or give a multipart archive`;
  if (kind.mediaType === "text/cloud-config") return yamlProblem(text, "mapping");
  return kind.mediaType === "text/cloud-config-archive" ? yamlProblem(text, "sequence") : undefined;
};

/** Every key of every field, and what is wrong with those that cannot be read. */
const readKeys = (pasted: readonly string[]): { keys: string[]; problems: FieldProblem[] } => {
  const keys: string[] = [];
  const problems: FieldProblem[] = [];
  const found = pasted.flatMap((text, index) => readSshKeys(text).map((reading) => ({ index, reading })));
  for (const { index, reading } of found)
    if ("key" in reading) keys.push(reading.key);
    else problems.push({ path: `/cloudInit/sshKeys/${index}`, message: reading.problem });
  if (keys.length > sshKeysMax)
    problems.push({ path: "/cloudInit/sshKeys", message: `Give at most ${sshKeysMax} keys` });
  const long = keys.find((key) => key.length > sshKeyLength);
  if (long !== undefined)
    problems.push({ path: "/cloudInit/sshKeys", message: `Give keys of at most ${sshKeyLength} characters` });
  return { keys: [...new Set(keys)], problems };
};

const networkProblems = (
  { mode, address, gateway, dns = [] }: GuestNetwork,
  path = "/cloudInit/network",
): FieldProblem[] => {
  const problem = (field: string, message: string): FieldProblem => ({ path: `${path}/${field}`, message });
  const problems: FieldProblem[] = [];
  if (mode === "dhcp") {
    if (address !== undefined) problems.push(problem("address", "must be absent with dhcp"));
    if (gateway !== undefined) problems.push(problem("gateway", "must be absent with dhcp"));
  } else if (address === undefined)
    problems.push(problem("address", "is missing; static needs one, like 192.0.2.10/24"));
  const [host = "", prefix = ""] = (address ?? "").split("/");
  const family = isIP(host);
  if (address !== undefined && (family === 0 || Number(prefix) > (family === 4 ? 32 : 128) || Number(prefix) < 1))
    problems.push(problem("address", "must be an IP address with its prefix, like 192.0.2.10/24"));
  if (gateway !== undefined && mode === "static" && (isIP(gateway) === 0 || (family !== 0 && isIP(gateway) !== family)))
    problems.push(problem("gateway", "must be an IP address of the address's family"));
  for (const [index, server] of dns.entries())
    if (isIP(server) === 0) problems.push(problem(`dns/${index}`, "must be an IP address"));
  return problems;
};

/** Of a clone. @throws NanoError `invalid-input` naming the fields */
export const checkNetwork = (network: GuestNetwork): void => {
  const problems = networkProblems(network, "/network");
  const [first] = problems;
  if (first)
    throw new NanoError("invalid-input", `${first.path.slice(1)} ${first.message}`, { details: { fields: problems } });
};

/** @throws NanoError `invalid-input` naming the fields */
const check = (input: CloudInitInput, userDataGiven: string | undefined, keys: ReturnType<typeof readKeys>): void => {
  const problems = [...(input.network ? networkProblems(input.network) : []), ...keys.problems];
  const userData = userDataGiven === undefined ? undefined : userDataProblem(userDataGiven);
  if (userData !== undefined) problems.push({ path: "/cloudInit/userData", message: userData });
  if (input.passwordLogin === false) {
    if (input.password !== undefined)
      problems.push({ path: "/cloudInit/password", message: "must be absent without password login" });
    if (keys.keys.length === 0 && keys.problems.length === 0 && userDataGiven === undefined)
      problems.push({ path: "/cloudInit/sshKeys", message: "must hold a key: without a password nobody could log in" });
  }
  const [first] = problems;
  if (first)
    throw new NanoError("invalid-input", `Create an instance: ${first.path.slice(1)} ${first.message}`, {
      details: { fields: problems },
    });
};

/**
 * @param name of the instance: the guest's, unless told
 * @throws NanoError `invalid-input`
 */
export const prepareCloudInit = async (
  input: CloudInitInput,
  name: string,
  hashPassword: HashPassword,
): Promise<PreparedCloudInit> => {
  const { hostname = name, user = "root" } = input;
  const userData = input.userData === undefined ? undefined : tidyUserData(input.userData);
  const keys = readKeys(input.sshKeys ?? []);
  check(input, userData, keys);
  const generatedPassword =
    input.password === undefined && input.passwordLogin !== false ? generatePassword() : undefined;
  const password = input.password ?? generatedPassword;
  const settings: CloudInitSettings = {
    hostname,
    user,
    ...(password === undefined ? {} : { passwordHash: await hashPassword(password) }),
    sshKeys: keys.keys,
    rootLogin: input.rootLogin ?? user === "root",
    growSystemDisk: input.growSystemDisk ?? true,
    dataPath: input.dataPath ?? "/opt/data",
    network: input.network ?? { mode: "dhcp" },
    ...(userData === undefined ? {} : { userData }),
  };
  return {
    settings,
    facts: { user, hostname, generation: 1 },
    ...(generatedPassword === undefined ? {} : { generatedPassword }),
  };
};

/** As it may be remembered by an idempotency key: whether there was a password, not which. */
export const withoutPassword = <T extends { cloudInit?: CloudInitInput }>(input: T): T =>
  input.cloudInit?.password === undefined ? input : { ...input, cloudInit: { ...input.cloudInit, password: "given" } };
