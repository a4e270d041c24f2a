import { describe, expect, test } from "bun:test";
import { ConfigError, configFromEnv } from "./config.ts";
import { originsOf } from "./origins.ts";

const good = { NANO_DATA: "/var/lib/nano/gateway", NANO_NATS_CREDS: "/etc/nano/gateway.creds" };

describe("the environment", () => {
  test("has defaults for all but where things are", () => {
    expect(configFromEnv(good)).toMatchObject({ host: "127.0.0.1", port: 5870, webUrl: "http://127.0.0.1:5850" });
    expect(configFromEnv({ ...good, NANO_WEB_URL: "https://nano.example/" }).webUrl).toBe("https://nano.example");
  });
  test.each([
    [{ NANO_DATA: "" }, "NANO_DATA"],
    [{ NANO_NATS_CREDS: undefined }, "NANO_NATS_CREDS"],
    [{ NANO_REST_PORT: "70000" }, "NANO_REST_PORT"],
    [{ NANO_REST_PORT: "x" }, "NANO_REST_PORT"],
    [{ NANO_WEB_URL: "javascript:alert(1)" }, "NANO_WEB_URL"],
    [{ NANO_GATEWAY_URL: "ftp://x" }, "NANO_GATEWAY_URL"],
    [{ NANO_LOG: "loud" }, "NANO_LOG"],
    [{ NANO_TRUSTED_PROXIES: "10.0.0.0/40" }, "NANO_TRUSTED_PROXIES"],
  ])("names what is wrong: %p", (wrong, variable) => {
    const read = () => configFromEnv({ ...good, ...wrong });
    expect(read).toThrow(ConfigError);
    expect(read).toThrow(variable);
  });
});

test("a loopback address is one site under three names; another address is only itself", () => {
  expect([...originsOf(["http://127.0.0.1:5850/portal"])].sort()).toEqual([
    "http://127.0.0.1:5850",
    "http://[::1]:5850",
    "http://localhost:5850",
  ]);
  expect([...originsOf(["https://nano.example"])]).toEqual(["https://nano.example"]);
});
