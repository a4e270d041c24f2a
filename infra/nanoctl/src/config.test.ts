import { expect, test } from "bun:test";
import { readSettings, SettingError, serviceEnvironment } from "./config.ts";

test("with no environment at all everything is on loopback and in the checkout", () => {
  const settings = readSettings({});
  expect(settings.urls).toEqual({
    nats: "nats://127.0.0.1:4222",
    web: "http://127.0.0.1:5850",
    images: "http://127.0.0.1:5860",
    gateway: "http://127.0.0.1:5870",
  });
  expect(settings.data).toEndWith("/data");
});

test("a wildcard is listened on but not connected to", () => {
  const settings = readSettings({ NANO_HOST: "0.0.0.0", NANO_WEB_PORT: "80" });
  expect(settings.host).toBe("0.0.0.0");
  expect(settings.urls.web).toBe("http://127.0.0.1:80");
  expect(readSettings({ NANO_HOST: "::1" }).urls.web).toBe("http://[::1]:5850");
});

test("discovery uses the interface that the host is on, by an address of its group's family", () => {
  const chosen = (environment: Record<string, string>): string => readSettings(environment).discovery.interface;
  expect(chosen({})).toBe("127.0.0.1");
  expect(chosen({ NANO_HOST: "10.0.0.5" })).toBe("10.0.0.5");
  for (const NANO_HOST of ["::1", "0:0:0:0:0:0:0:1", "::", "localhost"])
    expect(chosen({ NANO_HOST })).toBe("127.0.0.1");
  expect(chosen({ NANO_HOST: "2001:db8::5", NANO_DISCOVERY_INTERFACE: "10.0.0.5" })).toBe("10.0.0.5");
  expect(() => readSettings({ NANO_HOST: "2001:db8::5" })).toThrow(SettingError);
  expect(() => readSettings({ NANO_HOST: "2001:db8::5" })).toThrow("NANO_DISCOVERY_INTERFACE");
});

test("a cell is told where the bus is, and nothing of storage that nobody chose", () => {
  const environment = serviceEnvironment(readSettings({ NANO_NATS_PORT: "14222" }), "cell", {});
  expect(environment.NANO_NATS_URL).toBe("nats://127.0.0.1:14222");
  expect(environment).not.toHaveProperty("NANO_CELL_POOL");
  expect(environment).not.toHaveProperty("NANO_CELL_STORAGE");
  const chosen = readSettings({ NANO_CELL_POOL: "fast", NANO_CELL_STORAGE: "/srv/fast" });
  expect(serviceEnvironment(chosen, "cell", {})).toMatchObject({
    NANO_CELL_POOL: "fast",
    NANO_CELL_STORAGE: "/srv/fast",
  });
});

test("a value that is none is refused by name", () => {
  for (const port of ["0", "65536", "http", "-1", "1.5"]) {
    expect(() => readSettings({ NANO_REST_PORT: port })).toThrow(SettingError);
    expect(() => readSettings({ NANO_REST_PORT: port })).toThrow("NANO_REST_PORT");
  }
  for (const domain of ["Nano", "a.b", "a b", "-a", "*"]) {
    expect(() => readSettings({ NANO_DOMAIN: domain })).toThrow("NANO_DOMAIN");
  }
});

test("a service is told what it needs and nothing that lies about in the shell", () => {
  const settings = readSettings({ NANO_DATA: "/srv/zone" });
  const outer = {
    PATH: "/bin",
    HOME: "/root",
    AWS_SECRET_ACCESS_KEY: "x",
    NANO_CELL_NETWORK: "user",
    NODE_EXTRA_CA_CERTS: "/etc/company.pem",
    SSL_CERT_FILE: "/etc/bundle.pem",
    NANO_DATA: "/elsewhere",
  };
  const scheduler = serviceEnvironment(settings, "scheduler", outer);
  expect(scheduler).not.toHaveProperty("AWS_SECRET_ACCESS_KEY");
  // Outgoing TLS trusts whom the machine trusts, and whom the operator adds.
  expect(scheduler.NODE_USE_SYSTEM_CA).toBe("1");
  expect(scheduler.NODE_EXTRA_CA_CERTS).toBe("/etc/company.pem");
  expect(scheduler.SSL_CERT_FILE).toBe("/etc/bundle.pem");
  expect(scheduler.NANO_CELL_NETWORK).toBe("user");
  expect(scheduler.NANO_DATA).toBe("/srv/zone/scheduler");
  expect(scheduler.NANO_NATS_CREDS).toBe("/srv/zone/nats/scheduler.creds");
});

test("the join secret's file is told to those who need it, wherever it is", () => {
  for (const [env, path] of [
    [{ NANO_DATA: "/srv/zone" }, "/srv/zone/join-secret"],
    [{ NANO_DATA: "/srv/zone", NANO_JOIN_SECRET_FILE: "/etc/nano/secret" }, "/etc/nano/secret"],
  ] as const) {
    const settings = readSettings(env);
    for (const name of ["scheduler", "cell"] as const)
      expect(serviceEnvironment(settings, name, env).NANO_JOIN_SECRET_FILE).toBe(path);
    for (const name of ["images", "gateway", "web"] as const)
      expect(serviceEnvironment(settings, name, env)).not.toHaveProperty("NANO_JOIN_SECRET_FILE");
  }
});

test("the account's keys are the scheduler's business alone, and a cell brings no credentials", () => {
  const settings = readSettings({});
  for (const name of ["images", "gateway", "web", "cell"] as const) {
    expect(serviceEnvironment(settings, name, { NANO_NATS_DIR: "/srv/zone/nats" })).not.toHaveProperty("NANO_NATS_DIR");
  }
  expect(serviceEnvironment(settings, "scheduler", {})).toHaveProperty("NANO_NATS_DIR");
  expect(serviceEnvironment(settings, "cell", { NANO_NATS_CREDS: "/srv/zone/nats/operator.creds" })).not.toHaveProperty(
    "NANO_NATS_CREDS",
  );
});
