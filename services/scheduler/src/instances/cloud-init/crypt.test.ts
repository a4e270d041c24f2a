import { expect, test } from "bun:test";
import { generatePassword, hashPassword, sha512Crypt } from "./crypt.ts";

/** From the specification. */
const vectors: readonly [string, number, string, string][] = [
  [
    "saltstring",
    5_000,
    "Hello world!",
    "$6$saltstring$svn8UoSVapNtMuq1ukKS4tPQd8iKwSMHWjl/O817G3uBnIFNjnQJuesI68u4OTLiBFdcbYEdFCoEOfaS35inz1",
  ],
  [
    "saltstringsaltstring",
    10_000,
    "Hello world!",
    "$6$rounds=10000$saltstringsaltst$OW1/O6BYHV6BcXZu8QVeXbDWra3Oeqh0sbHbbMCVNSnCM/UrjmM0Dp8vOuZeHBy/YTBmSK6H9qs/y3RnOaw5v.",
  ],
  [
    "anotherlongsaltstring",
    1_400,
    "a very much longer text to encrypt.  This one even stretches over morethan one line.",
    "$6$rounds=1400$anotherlongsalts$POfYwTEok97VWcjxIiSOjiykti.o/pQs.wPvMxQ6Fm7I6IoYN3CmLs66x9t0oSwbtEW7o7UmJEiDwGqd8p4ur1",
  ],
  [
    "short",
    77_777,
    "we have a short salt string but not a short password",
    "$6$rounds=77777$short$WuQyW2YR.hBNpjjRhpYD/ifIw05xdfeEyQoMxIXbkvr0gge1a1x3yRULJ5CCaUeOxFmtlcGZelFl5CxtgfiAc0",
  ],
];

test.each(vectors)("the specification's vector with salt %s and %i rounds", (salt, rounds, password, hash) => {
  expect(sha512Crypt(password, salt, rounds)).toBe(hash);
});

const openssl = Bun.which("openssl");
test.skipIf(openssl === null)("whatever the password, openssl agrees", () => {
  for (const password of [
    "a",
    "x".repeat(63),
    "x".repeat(64),
    "y".repeat(65),
    "z".repeat(128),
    "päßwörd 密码 🔑",
    "'\"$(id)`\\",
  ]) {
    const { stdout } = Bun.spawnSync(["openssl", "passwd", "-6", "-salt", "abcDEF./09", "-stdin"], {
      stdin: Buffer.from(`${password}\n`),
    });
    expect(sha512Crypt(password, "abcDEF./09")).toBe(stdout.toString().trim());
  }
});

test("two hashes of one password differ, and generated passwords are long and readable", () => {
  expect(hashPassword("the same")).not.toBe(hashPassword("the same"));
  expect(hashPassword("x")).toMatch(/^\$6\$[./0-9A-Za-z]{16}\$[./0-9A-Za-z]{86}$/);
  const many = new Set(Array.from({ length: 500 }, generatePassword));
  expect(many.size).toBe(500);
  for (const one of many) expect(one).toMatch(/^[A-HJ-NP-Za-km-z2-9]{14}$/);
});
