/**
 * The gateway, with room for more consoles of one person than a person has. `argv`: data directory, bus URL,
 * credentials file.
 */
import { silentLog } from "@nano/contract";
import { consoleLimits } from "@nano/gateway/console/consoles";
import { start } from "@nano/gateway/main";

const [data = "", natsUrl = "", natsCreds = ""] = process.argv.slice(2);
const gateway = await start(
  { data, natsUrl, natsCreds, host: "127.0.0.1", port: 0, webUrl: "http://portal.test" },
  { log: silentLog, consoleLimits: { ...consoleLimits, perPerson: 256 } },
);
console.log(gateway.port);
