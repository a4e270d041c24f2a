/**
 * A new password for an account inside a running instance, through its guest agent. What the agent answers was written
 * by whoever rules the guest: it is waited for 10 s, libvirt bounds its size, and of it nothing counts but whether it
 * is the one answer that means success.
 *
 * The agent's command is sent as such, not as libvirt's own call for it: that one would wait for an agent that greets
 * and then falls silent without end.
 */
import { allowedActions, type InstanceId, NanoError } from "@nano/contract";
import { LibvirtError } from "@nano/libvirt";
import type { PasswordRequest } from "../hypervisor.ts";
import { translated } from "./failure.ts";
import type { Instances } from "./instances.ts";

const agentSeconds = 10;
/** Of the agent's own words, as many as a person reads. */
const wordsMax = 300;

export const setGuestPassword = (
  instances: Instances,
  id: InstanceId,
  { user, password, hashed }: PasswordRequest,
): Promise<void> =>
  translated(`setting a password in instance ${id}`, async () => {
    const domain = await instances.known(id);
    if (!(await domain.isActive()))
      throw new NanoError("wrong-state", `Instance ${id} is not running`, {
        details: { state: "stopped", allowed: allowedActions("stopped") },
      });
    const command = {
      execute: "guest-set-user-password",
      arguments: { username: user, password: Buffer.from(password, "utf8").toString("base64"), crypted: hashed },
    };
    let answer: string;
    try {
      answer = await domain.agentCommand(JSON.stringify(command), agentSeconds);
    } catch (error) {
      throw agentFailure(error, id, user);
    }
    if (!/^\s*\{\s*"return"\s*:\s*\{\s*\}/.test(answer.slice(0, 200)))
      throw new NanoError("agent-refused", `The guest agent of instance ${id} answered something else than success`);
  });

/**
 * libvirt's words never hold the command; they are cut and stripped all the same, since part of them is the guest's.
 */
const wordsOf = (error: LibvirtError): string => error.message.replace(/[^\x20-\x7e]+/g, " ").slice(0, wordsMax);

export const agentFailure = (error: unknown, id: InstanceId, user: string): unknown => {
  if (!LibvirtError.is(error)) return error;
  const libvirt = wordsOf(error);
  const details = { details: { libvirt } };
  if (/agent is not (connected|configured)/i.test(libvirt))
    return new NanoError("agent-missing", `No guest agent is connected in instance ${id}`, details);
  if (/unable to execute QEMU agent command/i.test(libvirt))
    return new NanoError("agent-refused", `The guest did not set the password of ${user} in instance ${id}`, details);
  // An agent that sent nonsense, whatever it was asked and whoever asked, is not spoken to until it opens its port
  // anew.
  if (/agent is not available due to an error/i.test(libvirt))
    return new NanoError("agent-refused", `The guest agent of instance ${id} has answered nonsense before`, {
      ...details,
      remedy: "Start the guest agent again inside, or restart the instance.",
    });
  if (LibvirtError.is(error, "AGENT_UNRESPONSIVE", "AGENT_UNSYNCED", "OPERATION_TIMEOUT", "TIMEOUT"))
    return new NanoError(
      "agent-silent",
      `The guest agent of instance ${id} did not answer within ${agentSeconds} s`,
      details,
    );
  // What it said is no answer at all: not JSON, or far too much of it.
  if (/agent|json|message|response/i.test(libvirt))
    return new NanoError("agent-refused", `The guest agent of instance ${id} answered nonsense`, details);
  return error;
};
