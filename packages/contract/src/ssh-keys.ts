/**
 * Public keys as people paste them: lines of an `authorized_keys` file (sshd(8), "AUTHORIZED_KEYS FILE FORMAT"), with
 * whatever a clipboard adds. What is kept is one line a key: its options if it has some, its type, the key, and its
 * comment.
 */

const types = new Set([
  "ssh-ed25519",
  "ssh-rsa",
  "ecdsa-sha2-nistp256",
  "ecdsa-sha2-nistp384",
  "ecdsa-sha2-nistp521",
  "sk-ssh-ed25519@openssh.com",
  "sk-ecdsa-sha2-nistp256@openssh.com",
]);
const list = [...types].join(", ");
const noType = `A key begins with its type. Use one of ${list}`;
/** What a type looks like, known or not. */
const typeShape = /^(ssh|ecdsa|sk|rsa|dss|x509)-[a-z0-9@.-]+$/;

export type SshKeyReading = { readonly key: string } | { readonly problem: string };

/** Options end at the first blank outside of quotes; inside, a backslash takes the next quote for itself. */
const optionsOf = (line: string): { options: string; rest: string } | undefined => {
  let quoted = false;
  for (let i = 0; i < line.length; i++) {
    const c = line[i];
    if (c === "\\" && line[i + 1] === '"') i++;
    else if (c === '"') quoted = !quoted;
    else if (!quoted && (c === " " || c === "\t")) return { options: line.slice(0, i), rest: line.slice(i).trim() };
  }
  return undefined;
};

const base64Shape = /^[A-Za-z0-9+/]{32,}={0,2}$/;
/** The type inside the key (RFC 4253 §6.6): a string after its length. */
const innerType = (base64: string): string => {
  const bytes = Buffer.from(base64, "base64");
  return bytes.toString("latin1", 4, 4 + bytes.readUInt32BE(0));
};

const problemOf = (line: string): string | undefined => {
  if (/^-----BEGIN (OPENSSH|RSA|EC|DSA|ENCRYPTED)? ?PRIVATE KEY/.test(line))
    return "This is a private key, which stays with its owner. Give the public one, from the file that ends in .pub";
  if (/^---- ?BEGIN SSH2/.test(line) || line.startsWith("PuTTY-User-Key-File"))
    return "This is PuTTY's format. Copy the line for OpenSSH from PuTTYgen, or convert it with ssh-keygen -i";
  return undefined;
};

/** One line, trimmed. */
const readLine = (line: string): SshKeyReading => {
  const known = problemOf(line);
  if (known !== undefined) return { problem: known };
  const [first = ""] = line.split(/[ \t]/, 1);
  const plain = types.has(first) || typeShape.test(first);
  const split = plain ? { options: "", rest: line } : optionsOf(line);
  if (!split) return { problem: noType };
  const [type = "", base64 = "", ...comment] = split.rest.split(/[ \t]+/);
  if (!types.has(type))
    return {
      problem: typeShape.test(type) ? `The key type ${type} is not supported. Use one of ${list}` : noType,
    };
  if (base64 === "") return { problem: "There is no key behind its type. Was it cut off?" };
  if (!base64Shape.test(base64)) return { problem: "The key is not whole. Was it cut off, or broken into lines?" };
  const inner = innerType(base64);
  if (inner !== type && typeShape.test(inner))
    return { problem: `This says ${type}, but the key behind it is of the type ${inner}` };
  return { key: [split.options, type, base64, comment.join(" ")].filter((part) => part !== "").join(" ") };
};

/**
 * Every key of a pasted text; blank lines and comments are none.
 * @returns in the order of the lines, each read or with what is wrong with it
 */
export const readSshKeys = (text: string): SshKeyReading[] => {
  const lines = text
    .split(/\r\n|\r|\n/)
    .map((line) => line.replace(/^\ufeff/, "").trim())
    .filter((line) => line !== "" && !line.startsWith("#"));
  const [first = ""] = lines;
  // The lines of such a file are no keys of their own.
  if (problemOf(first) !== undefined) return [readLine(first)];
  return lines.map(readLine);
};
