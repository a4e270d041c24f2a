import type { Bus, Handlers } from "@nano/bus";

export const eventHandlers = ({
  bus,
}: {
  bus: Pick<Bus, "pastEvents">;
}): Pick<Handlers<"scheduler">, "event.list"> => ({
  "event.list": (query) => bus.pastEvents(query),
});
