import type { Bus, Handlers } from "@nano/bus";
import { hears } from "@nano/contract";

export const eventHandlers = ({
  bus,
}: {
  bus: Pick<Bus, "pastEvents">;
}): Pick<Handlers<"scheduler">, "event.list"> => ({
  "event.list": (query, { actor }) => bus.pastEvents({ ...query, hears: (event) => hears(actor, event) }),
});
