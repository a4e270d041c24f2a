/** A person of a bench's zone: its administrator, with a bearer for the REST API. */
import type { Bus } from "@nano/bus";
import { operatorActor } from "@nano/contract";

/**
 * Creates the first administrator and logs in. `gateway`: its address; `bus`: of an operator or a service, which makes
 * the setup link.
 * @returns the `Authorization` header of everything they ask
 */
export async function becomeAdministrator(gateway: string, bus: Bus): Promise<{ authorization: string }> {
  const { secret } = await bus.call("setup.link", {}, { actor: operatorActor });
  const answer = await fetch(`${gateway}/api/v2/setup`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ name: "bench", password: crypto.randomUUID(), secret }),
  });
  const made: unknown = await answer.json();
  if (typeof made !== "object" || made === null || !("session" in made)) {
    throw new Error(`the gateway did not take the first administrator: ${JSON.stringify(made)}`);
  }
  return { authorization: `Bearer ${String(made.session)}` };
}
