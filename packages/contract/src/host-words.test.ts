import { expect, test } from "bun:test";
import fc from "fast-check";
import { Cell, ErrorRecord, factsForPeople, forPeople, Type, wordsForPeople } from "./index.ts";

const said = [
  "internal error: Child process (/usr/bin/qemu-img create -f qcow2 -o backing_file=/var/lib/nano/base.qcow2 /var/lib/nano/x.qcow2 1G) unexpected exit status 1: qemu-img: /var/lib/nano/x.qcow2: No space left on device",
  "Cannot access storage file '/var/lib/libvirt/images/web-1.qcow2' (as uid:64055, gid:64055): No such file or directory",
  "internal error: process exited while connecting to monitor: qemu-system-x86_64: -drive file=/var/lib/nano/a.qcow2,if=none: Could not open '/var/lib/nano/a.qcow2': Permission denied",
  'qemu-system-x86_64: -blockdev {"driver":"file","filename":"/srv/pool/a.qcow2","node-name":"x"}: Could not open "/srv/pool/a.qcow2"',
  "unable to open file: /var/log/libvirt/qemu/nano.log: Permission denied",
  "Failed to connect socket to '/run/libvirt/libvirt-sock': No such file or directory",
  "ENOENT: no such file or directory, open '/root/data/images/blobs/ab/abcdef'",
  "qemu-img: Could not open '/tmp/nano-convert-1/in': Image is not in qcow2 format",
  "cannot create directory /home/nano/pool/.nano: Read-only file system",
];
test.each(said)("%s: has neither a path of the host nor a command line", (text) => {
  const clean = forPeople(text);
  expect(clean).not.toMatch(/\/(usr|var|srv|run|root|tmp|home)\b/);
  expect(clean).not.toMatch(/backing_file=|-drive|-blockdev|create -f/);
  expect(clean).toMatch(/No space|No such file|Could not open|Permission denied|Image is not|Read-only|no such file/);
});

test("what is no path of a host stays", () => {
  for (const text of [
    "See /api/v2/instances",
    "'/systemDisk/sizeGiB' is missing",
    "https://example.org/var/lib/x.img",
    "a/b",
    "needs 4096 MiB",
  ])
    expect(forPeople(text)).toBe(text);
  expect(factsForPeople({ fields: [{ path: "/cursor" }], libvirt: "at /etc/nano/key", n: 1 })).toEqual({
    fields: [{ path: "/cursor" }],
    libvirt: "at key",
    n: 1,
  });
});

test("a field of an input that begins like a directory stays", () => {
  const fields = [{ path: "/dataDisks/0/sizeGiB", message: "'/dataDisks/0/sizeGiB' is missing" }];
  expect(factsForPeople({ fields })).toEqual({ fields });
});

const word = fc.stringMatching(/^[a-z][a-z0-9_-]{0,8}$/);
const blank = fc.stringMatching(/^[a-z][a-z0-9 _-]{0,8}[a-z]$/);
const root = fc.constantFrom("var", "srv", "run", "dev", "proc", "sys", "home", "mnt", "etc", "tmp", "opt", "data");
const plainPath = fc
  .tuple(root, fc.array(word, { minLength: 1, maxLength: 5 }))
  .map(([top, rest]) => `/${[top, ...rest].join("/")}`);
const filePath = fc.array(word, { minLength: 1, maxLength: 4 }).map((rest) => `/${rest.join("/")}.qcow2`);
const blankPath = fc
  .tuple(root, fc.array(blank, { minLength: 1, maxLength: 4 }))
  .map(([top, rest]) => `'/${[top, ...rest].join("/")}'`);
const path = fc.oneof(plainPath, filePath, blankPath);
const message = fc
  .tuple(
    fc.constantFrom(
      (at: string) => `Could not open ${at}: Permission denied`,
      (at: string) =>
        `internal error: Child process (/usr/bin/qemu-img create -f qcow2 ${at} 1G) unexpected exit status 1`,
      (at: string) => `Command failed: /usr/bin/qemu-img convert -O qcow2 ${at} /tmp/out: No space left on device`,
      (at: string) => `unable to execute bwrap --ro-bind ${at} /usr -- sh`,
      (at: string) =>
        `qemu-system-x86_64: -drive file=${at.replaceAll("'", "").replaceAll(" ", "")},if=none: Could not open`,
      (at: string) => `ENOENT: no such file or directory, open ${at}`,
      (at: string) => `(${at})`,
    ),
    path,
  )
  .map(([say, at]) => say(at));

/** An absolute path of at least two names, or arguments of a program. */
const told = /(?<![\w.:/-])\/[a-z][\w-]*\/[a-z]|\.qcow2,|-drive|--ro-bind|convert -O|create -f/;

test("whatever a host says in a problem, an obstacle or a stored error: nobody reads its paths and command lines", () => {
  fc.assert(
    fc.property(message, (said) => {
      const error = {
        code: "hypervisor-failed",
        message: said,
        remedy: "Try `qemu-img check -r all`.",
        details: { libvirt: [said] },
      };
      const list = { task: error, cells: [{ problems: [said] }] };
      const Reply = Type.Object({
        task: ErrorRecord,
        cells: Type.Array(Type.Object({ problems: Cell.properties.problems })),
      });
      const clean = wordsForPeople(Reply, list as never);
      expect(JSON.stringify(clean.task.message) + JSON.stringify(clean.task.details)).not.toMatch(told);
      expect(JSON.stringify(clean.cells)).not.toMatch(told);
      expect(clean.task.remedy).toBe(error.remedy);
    }),
    { seed: 9, numRuns: 2_000 },
  );
});
