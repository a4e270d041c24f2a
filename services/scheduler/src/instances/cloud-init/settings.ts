/** From what was asked for to what is kept: defaults filled in, the password hashed, what schemas cannot say checked. */
import { isIP } from "node:net";
import {
  type CloudInitFacts,
  type CloudInitInput,
  type CloudInitSettings,
  type FieldProblem,
  type GuestNetwork,
  NanoError,
} from "@nano/contract";
import { generatePassword, hashPassword } from "./crypt.ts";

export interface PreparedCloudInit {
  readonly settings: CloudInitSettings;
  readonly facts: CloudInitFacts;
  /** To be told once. */
  readonly generatedPassword?: string;
}

/** What user data may begin with; `#include` and the like would have the guest fetch something from elsewhere. */
const headers = /^(#cloud-config\b|#cloud-boothook\b|#!\s*\/)/;

const userDataProblem = (text: string): string | undefined => {
  if (!headers.test(text)) return "must begin with #cloud-config, #cloud-boothook or #!/";
  if (!text.startsWith("#cloud-config")) return undefined;
  let value: unknown;
  try {
    value = Bun.YAML.parse(text);
  } catch (error) {
    return `is no well-formed YAML: ${error instanceof Error ? error.message.slice(0, 200) : "it cannot be read"}`;
  }
  const isMapping = typeof value === "object" && value !== null && !Array.isArray(value);
  return isMapping || value === null || value === undefined ? undefined : "must be a YAML mapping";
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
const check = (input: CloudInitInput): void => {
  const problems = input.network ? networkProblems(input.network) : [];
  const userData = input.userData === undefined ? undefined : userDataProblem(input.userData);
  if (userData !== undefined) problems.push({ path: "/cloudInit/userData", message: userData });
  if (input.passwordLogin === false) {
    if (input.password !== undefined)
      problems.push({ path: "/cloudInit/password", message: "must be absent without password login" });
    if ((input.sshKeys ?? []).length === 0 && input.userData === undefined)
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
export const prepareCloudInit = (input: CloudInitInput, name: string): PreparedCloudInit => {
  check(input);
  const { hostname = name, user = "root", userData } = input;
  const generatedPassword =
    input.password === undefined && input.passwordLogin !== false ? generatePassword() : undefined;
  const password = input.password ?? generatedPassword;
  const settings: CloudInitSettings = {
    hostname,
    user,
    ...(password === undefined ? {} : { passwordHash: hashPassword(password) }),
    sshKeys: input.sshKeys ?? [],
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
