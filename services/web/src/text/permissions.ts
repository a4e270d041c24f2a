import { type Permission, permissions } from "@nano/contract";

/** What this portal knows of a person's permissions; those of a newer gateway are left out. */
export const isPermission = (text: string): text is Permission | "*" =>
  text === "*" || Object.hasOwn(permissions, text);
