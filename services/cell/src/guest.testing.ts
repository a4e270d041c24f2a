/** The shell on the tiny guest's serial port, for tests that look at things from inside. */
import type { InstanceId } from "@nano/contract";
import type { Connection } from "@nano/libvirt";
import type { LibvirtHypervisor } from "./libvirt/hypervisor.ts";
import { until } from "./testing.ts";

export interface Guest {
  /** What a command prints, errors included. */
  inside(command: string): Promise<string>;
  close(): void;
}

/** Resolves when the guest of a running instance is up. */
export const openGuest = async (
  hypervisor: LibvirtHypervisor,
  connection: Connection,
  id: InstanceId,
): Promise<Guest> => {
  const text = async () => (await hypervisor.serial(id)).text;
  await until(async () => (await text()).includes("NANO-TINY ready"));
  const keyboard = await (await connection.domainByUuid(id)).openConsole();
  let count = 0;
  return {
    close: () => keyboard.close(),
    inside: async (command) => {
      count++;
      // The shell echoes what is typed, with the quotes in it: only what is printed has the marks whole.
      const [begin, end] = [`begin-${count}.`, `end-${count}.`];
      const typed = `echo begin'-'${count}.; ${command}; echo end'-'${count}.`;
      await keyboard.write(new TextEncoder().encode(`\n${typed}\n`));
      return until(async () => {
        const now = await text();
        return now.includes(end) && now.slice(now.indexOf(begin) + begin.length, now.indexOf(end));
      });
    },
  };
};
