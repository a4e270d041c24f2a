/**
 * Requests that are none, as raw bytes: each must get an answer below 500, and none may be an error of ours. For tests.
 */
import { createConnection } from "node:net";

const long = "x".repeat(20_000);
/** What is refused, whatever the path: with 400 unless the runtime has a word of its own. */
export const junk: readonly (readonly [string, (path: string) => string])[] = [
  ["no Host", (path) => `GET ${path} HTTP/1.1\r\n\r\n`],
  ["no Host, HTTP/1.0", (path) => `GET ${path} HTTP/1.0\r\n\r\n`],
  ["an empty Host", (path) => `GET ${path} HTTP/1.1\r\nHost:\r\n\r\n`],
  ["two Hosts", (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n`],
  ...[
    "a b",
    "<script>",
    "a/b?c#d",
    "u:p@a",
    "a:99999",
    "a:x",
    "[::1",
    "[zz]",
    "a%zz",
    "1.2.3.4.5",
    "xn--a",
    "\xff",
    ":80",
  ].map((host) => [`Host: ${host}`, (path: string) => `GET ${path} HTTP/1.1\r\nHost: ${host}\r\n\r\n`] as const),
  ["a POST to junk", (path) => `POST ${path} HTTP/1.1\r\nHost: a b\r\nContent-Length: 0\r\n\r\n`],
  ["CONNECT", () => "CONNECT a:1 HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["bad percent-encoding", (path) => `GET ${path}/%zz HTTP/1.1\r\nHost: a\r\n\r\n`],
  ["percent-encoded junk", (path) => `GET ${path}/%ff HTTP/1.1\r\nHost: a\r\n\r\n`],
  ["a percent-encoded NUL", (path) => `GET ${path}/%00 HTTP/1.1\r\nHost: a\r\n\r\n`],
  ["a relative target", () => "GET foo HTTP/1.1\r\nHost: a\r\n\r\n"],
  ["an overlong target", (path) => `GET ${path}/${long} HTTP/1.1\r\nHost: a\r\n\r\n`],
  ["two lengths", (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx`],
];
/** What is odd but good: answered as if it were not there. */
export const odd: readonly (readonly [string, (path: string) => string])[] = [
  ["absolute form", (path) => `GET http://elsewhere.test${path} HTTP/1.1\r\nHost: a\r\n\r\n`],
  [
    "bad cookies",
    (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nCookie: \xff=\xfe; a=%zz; =; ;;nano_session=%ff\r\n\r\n`,
  ],
  [
    "headers twice",
    (path) => `GET ${path} HTTP/1.1\r\nHost: a\r\nCookie: a=b\r\nCookie: a=c\r\nAccept: x\r\nAccept: y\r\n\r\n`,
  ],
  ["a query that cannot be decoded", (path) => `GET ${path}?%zz=%ff&%00 HTTP/1.1\r\nHost: a\r\n\r\n`],
  ["a Host with a port", (path) => `GET ${path} HTTP/1.1\r\nHost: my_host.example:8080\r\n\r\n`],
  ["a Host that is an address", (path) => `GET ${path} HTTP/1.1\r\nHost: [::1]:8080\r\n\r\n`],
];

/** @returns the status of the answer; 0: the connection was closed without one */
export const statusOf = (port: number, raw: string): Promise<number> =>
  new Promise((resolve) => {
    const socket = createConnection({ host: "127.0.0.1", port });
    let heard = "";
    const end = () => {
      socket.destroy();
      resolve(Number(/^HTTP\/1\.1 (\d{3})/.exec(heard)?.[1] ?? 0));
    };
    socket.on("data", (data) => {
      heard += data.toString("latin1");
      if (heard.includes("\r\n")) end();
    });
    socket.on("error", end);
    socket.on("close", end);
    socket.write(raw, "latin1");
  });
