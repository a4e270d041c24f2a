import { expect, test } from "bun:test";
import { factsForPeople, forPeople } from "./index.ts";

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
