import { expect, test } from "bun:test";
import { multipartOf, tidyUserData, userDataKind } from "./index.ts";

test.each([
  ["#cloud-config\npackages: [git]", "text/cloud-config"],
  ["\n\n  #cloud-config\na: 1", "text/cloud-config"],
  ["#Cloud-Config\na: 1", "text/cloud-config"],
  ["#cloud-config-archive\n- type: text/cloud-config", "text/cloud-config-archive"],
  ["#cloud-config-jsonp\n[]", "text/cloud-config-jsonp"],
  ["## template: jinja\n#cloud-config\nfqdn: {{ v1.instance_id }}", "text/jinja2"],
  ["#cloud-boothook\n#!/bin/sh", "text/cloud-boothook"],
  ["#include\nhttps://a.example/b", "text/x-include-url"],
  ["#include-once\nhttps://a.example/b", "text/x-include-once-url"],
  ["#part-handler\ndef list_types(): pass", "text/part-handler"],
  ["#!/bin/sh\necho", "text/x-shellscript"],
  ["#! /usr/bin/env python3\n", "text/x-shellscript"],
  ['Content-Type: multipart/mixed; boundary="b"\nMIME-Version: 1.0\n\n--b\n\nx\n--b--\n', "multipart/mixed"],
  ["MIME-Version: 1.0\nContent-Type: multipart/mixed;\n boundary=b\n\n--b--\n", "multipart/mixed"],
  ["packages: [git]", undefined],
  ["# cloud-config\na: 1", undefined],
  ["Content-Type: text/plain\n\nhello", undefined],
  ["", undefined],
])("%j is what cloud-init takes it for", (text, mediaType) => {
  expect(userDataKind(text)?.mediaType).toBe(mediaType as never);
});

test("it is kept as a guest's lines end, with nothing in front", () => {
  expect(tidyUserData("\ufeff\r\n\r\n#!/bin/sh\r\necho a\r\n")).toBe("#!/bin/sh\necho a\n");
});

test("a multipart message is taken apart at its first empty line", () => {
  const text = 'X-Mailer: a\nContent-Type: multipart/mixed; charset=us-ascii; boundary="=a b="\n\n--=a b=\n\nx\n';
  expect(multipartOf(text)).toEqual({ boundary: "=a b=", body: "--=a b=\n\nx\n" });
});
