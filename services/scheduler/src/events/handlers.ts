import type { Bus, Handlers } from "@nano/bus";

export const eventHandlers = ({
  bus,
}: {
  bus: Pick<Bus, "pastEvents">;
}): Pick<Handlers<"scheduler">, "event.list"> => ({
  "event.list": ({ after, limit, id }) =>
    bus.pastEvents({
      ...(after === undefined ? {} : { after }),
      ...(limit === undefined ? {} : { limit }),
      ...(id === undefined ? {} : { id }),
    }),
});
