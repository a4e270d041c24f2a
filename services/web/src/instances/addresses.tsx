/** IP addresses, one below the other, each with who can reach it. */
import { addressScope } from "@nano/contract";
import type { Visit } from "../http/visit.ts";
import { Mono } from "../view/parts.tsx";

export const Addresses = ({ visit, addresses }: { visit: Visit; addresses: readonly string[] }) => {
  const { t } = visit;
  if (addresses.length === 0)
    return (
      <span class="quiet" safe>
        {t("not known")}
      </span>
    );
  return (
    <span class="stack-text">
      {addresses.map((address) => (
        <span>
          <Mono visit={visit} text={address} />{" "}
          <span class="quiet" safe>
            {addressScope(address) === "internal" ? t("internal") : t("external")}
          </span>
        </span>
      ))}
    </span>
  );
};
