/**
 * Every address of the portal, made here and nowhere else: an `href` is never assembled from what a person or a guest
 * wrote.
 */

type Query = Readonly<Record<string, string | number | boolean | undefined>>;

/** Appends a query, leaving out what is absent or empty. */
export const withQuery = (path: string, query: Query): string => {
  const parameters = new URLSearchParams();
  for (const [name, value] of Object.entries(query))
    if (value !== undefined && value !== "" && value !== false) parameters.set(name, String(value));
  const text = parameters.toString();
  return text === "" ? path : `${path}?${text}`;
};
const part = (text: string): string => encodeURIComponent(text);

export type FileKind = "image" | "media";
export type InstanceTab =
  | "overview"
  | "load"
  | "disks"
  | "network"
  | "snapshots"
  | "access"
  | "serial"
  | "why"
  | "events"
  | "tasks";
export type ConfirmedAction = "force-stop" | "force-reboot" | "delete";

const files = (kind: FileKind) => (kind === "image" ? "/images" : "/media");

export const to = {
  dashboard: "/",
  login: (next?: string) => withQuery("/login", { next: next === "/" ? undefined : next }),
  logout: "/logout",
  setup: "/setup",
  preferences: "/preferences",
  pools: "/pools",
  poolNew: "/pools/new",
  pool: (name: string) => `/pools/${part(name)}`,
  poolDelete: (name: string) => `/pools/${part(name)}/delete`,
  poolAdd: (name: string) => `/pools/${part(name)}/add`,
  cells: "/cells",
  cell: (id: string) => `/cells/${part(id)}`,
  cellAction: (id: string, action: "add" | "remove" | "enable" | "disable" | "clean" | "forget" | "readmit") =>
    `/cells/${part(id)}/${action}`,
  stray: (cell: string, id: string, action: "adopt" | "remove") => `/cells/${part(cell)}/strays/${part(id)}/${action}`,
  files,
  fileNew: (kind: FileKind) => `${files(kind)}/new`,
  file: (kind: FileKind, id: string) => `${files(kind)}/${part(id)}`,
  imageBuild: "/images/build",
  fileImport: (kind: FileKind) => `${files(kind)}/import`,
  fileSync: (kind: FileKind) => `${files(kind)}/sync`,
  fileUpload: (kind: FileKind, id: string) => `${files(kind)}/${part(id)}/upload`,
  fileModify: (kind: FileKind, id: string) => `${files(kind)}/${part(id)}/modify`,
  fileDownload: (kind: FileKind, id: string) => `${files(kind)}/${part(id)}/download`,
  renditions: (id: string) => `${files("image")}/${part(id)}/renditions`,
  renditionDiscard: (id: string, format: string) => `${files("image")}/${part(id)}/renditions/${part(format)}/discard`,
  fileDelete: (kind: FileKind, id: string) => `${files(kind)}/${part(id)}/delete`,
  instances: "/instances",
  instanceNew: "/instances/new",
  instanceCommand: "/instances/new/command",
  instanceBulk: "/instances/bulk",
  instance: (id: string, tab: InstanceTab = "overview") =>
    withQuery(`/instances/${part(id)}`, { tab: tab === "overview" ? undefined : tab }),
  instanceAction: (id: string, action: string) => `/instances/${part(id)}/${part(action)}`,
  instanceDisplay: (id: string) => `/instances/${part(id)}/display`,
  instanceDisplayRenew: (id: string) => `/instances/${part(id)}/display/renew`,
  instancePassword: (id: string) => `/instances/${part(id)}/password`,
  instanceModify: (id: string) => `/instances/${part(id)}/modify`,
  instanceModifyCommand: (id: string) => `/instances/${part(id)}/modify/command`,
  instanceRescue: (id: string) => `/instances/${part(id)}/rescue`,
  instanceStart: (id: string) => `/instances/${part(id)}/start`,
  instanceDisks: (id: string) => `/instances/${part(id)}/disks`,
  diskAction: (id: string, disk: string, action: "grow" | "shrink" | "remove" | "export") =>
    `/instances/${part(id)}/disks/${part(disk)}/${action}`,
  instanceNics: (id: string) => `/instances/${part(id)}/nics`,
  nicRemove: (id: string, nic: string) => `/instances/${part(id)}/nics/${part(nic)}/remove`,
  instanceMedia: (id: string) => `/instances/${part(id)}/media`,
  instanceEject: (id: string) => `/instances/${part(id)}/media/eject`,
  instanceClone: (id: string) => `/instances/${part(id)}/clone`,
  instanceReset: (id: string) => `/instances/${part(id)}/reset-system`,
  snapshotNew: (id: string) => `/instances/${part(id)}/snapshots/new`,
  snapshot: (id: string, snapshot: string, action: "restore" | "delete") =>
    `/instances/${part(id)}/snapshots/${part(snapshot)}/${action}`,
  screen: (id: string, version?: string) => withQuery(`/instances/${part(id)}/screen.png`, { v: version }),
  console: (id: string) => `/instances/${part(id)}/console`,
  serialConsole: (id: string) => `/instances/${part(id)}/serial`,
  consoleSocket: "/console/socket",
  tasks: "/tasks",
  task: (id: string) => `/tasks/${part(id)}`,
  taskCancel: (id: string) => `/tasks/${part(id)}/cancel`,
  taskToast: (id: string) => `/tasks/${part(id)}/toast`,
  tokens: "/tokens",
  tokenDelete: (id: string) => `/tokens/${part(id)}/delete`,
  events: "/events",
  error: (code: string) => `/errors/${part(code)}`,
  errors: "/errors",
  swagger: "/swagger",
} as const;
