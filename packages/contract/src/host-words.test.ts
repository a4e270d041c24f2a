import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  bodyForPeople,
  Cell,
  ErrorRecord,
  EventSchema,
  errorDefinitions,
  factsForPeople,
  forPeople,
  isCutForPeople,
  NanoError,
  Plan,
  Stray,
  Task,
  Type,
  wordsForPeople,
} from "./index.ts";

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

test("a path is known by its shape, wherever a host has its files", () => {
  for (const [full, told] of [
    ["Could not open '/vol-x/foo': Permission denied", "Could not open 'foo': Permission denied"],
    ["Cannot read /zfs0/nano/web 1", "Cannot read web 1"],
    ["no room below /tank/vm/disks.", "no room below disks."],
    ["open '/Tank 1/my disks/a': EACCES", "open 'a': EACCES"],
    ["it is at file:///vol-x/y/z", "it is at z"],
    ["mounted from nas:/export/vms", "mounted from nas:vms"],
    ["Identity file ~/.ssh/id_rsa not accessible", "Identity file id_rsa not accessible"],
    ["Could not access KVM kernel module: /dev/kvm", "Could not access KVM kernel module: device kvm"],
    ["Unable to open /dev/net/tun, is it there?", "Unable to open device tun, is it there?"],
    ["Failed: /opt/nano/bin/tool --key /vol/k --all", "Failed: tool"],
    ["Command failed: /usr/sbin/lvremove vg/web: in use", "Command failed: in use"],
    [
      "LC_ALL=C PATH=/bin:/usr/bin HOME=/root \\\n/usr/bin/qemu-system-x86_64 \\\n-name guest=web",
      "… qemu-system-x86_64",
    ],
    ["Refused with AWS_SECRET_ACCESS_KEY=abc", "Refused with …"],
    ["It broke\n    at f (/srv/x.ts:1:2)\n    at async /srv/y.ts:10:20", "It broke"],
    ["It broke at Object.f (file:///vol/x.js:1:2)", "It broke"],
  ] as const)
    expect(forPeople(full)).toBe(told);
});

test("URLs, media types, dates, networks, fields and what a guest calls its devices stay", () => {
  for (const text of [
    "See /api/v2/instances/1/disks, or /errors/no-room",
    "https://example.org/vol-x/foo.iso?at=/a/b redirects",
    "it sends text/html; charset=utf-8, not application/json",
    "on 2026/11/30 at 2026-11-30T10:20:30.000Z",
    "failed at 2026-11-30T10:20:30",
    "10.0.0.0/8, fd00::/8 and 192.168.0.1/24",
    "the guest sees it as /dev/vdb1, its medium as /dev/sr0, its port as /dev/ttyS0",
    "/EFI/BOOT/BOOTX64.EFI is not in the medium",
    "'/dataDisks/0/sizeGiB' is too large",
    "cores and/or memory, read/write",
    "Start its cell with NANO_CELL_POOL=nano NANO_CELL_TAKES_OVER=zone-a",
    "needs 4096 MiB - or less",
  ])
    expect(forPeople(text)).toBe(text);
  for (const { title, remedy } of Object.values(errorDefinitions)) {
    expect(forPeople(remedy)).toBe(remedy);
    expect(forPeople(title)).toBe(title);
  }
});

test("facts lose stacks, environments and arguments; the error knows that it has", () => {
  const error = new NanoError("hypervisor-failed", "It failed", {
    remedy: "Look at /vol-x/nano/a.log.",
    details: { cell: "c", stack: "at f", env: { A: "b" }, argv: ["x"], tried: ["/usr/bin/qemu-img", "create", "-f"] },
  });
  expect(bodyForPeople(error)).toMatchObject({ remedy: "Look at a.log.", details: { cell: "c", tried: ["qemu-img"] } });
  expect(Object.keys(bodyForPeople(error).details ?? {})).toEqual(["cell", "tried"]);
  expect(isCutForPeople(error)).toBe(true);
  expect(isCutForPeople(new NanoError("busy", "Another task works on it", { details: { task: "t" } }))).toBe(false);
});

test("events, plans, strays and steps are cleaned; what was cut is heard whole", () => {
  const said = "Could not open '/vol-x/foo'";
  const heard: unknown[] = [];
  const of = (schema: Parameters<typeof wordsForPeople>[0], value: unknown) =>
    JSON.stringify(wordsForPeople(schema, value, (full) => heard.push(full)));
  expect(of(EventSchema, { name: "cell.offline", id: "c", at: "", data: { reason: said } })).not.toContain("vol-x");
  expect(of(Plan, { decision: { removed: [{ examples: [{ reason: said }] }] } })).not.toContain("vol-x");
  expect(of(Stray, { detail: said })).not.toContain("vol-x");
  expect(of(Task, { steps: [{ title: said }] })).not.toContain("vol-x");
  expect(heard.length).toBe(4);
  expect(JSON.stringify(heard).split("/vol-x/foo").length).toBe(5);
});

test("long junk is read quickly enough", () => {
  for (const part of ["/", "/a", " -a", "A=b ", "qemu-img -", "at /a:", "(", "Child process (", "'/a b"]) {
    const text = part.repeat(2_000 / part.length);
    for (let i = 0; i < 3; i++) expect(typeof forPeople(text)).toBe("string");
  }
});
