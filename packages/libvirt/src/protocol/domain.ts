/**
 * Procedures about domains (virtual machines). Numbers and shapes: libvirt's `remote_protocol.x` and `qemu_protocol.x`.
 */

import { array, count, flag, int, opaque, signedCount, struct, uchar, uint, ushort } from "../codec.ts";
import { qemu, remote } from "./procedure.ts";
import {
  BLOCK_IO_TUNE_MAX,
  DOMAIN_FSFREEZE_MOUNTPOINTS_MAX,
  DOMAIN_INTERFACE_MAX,
  DOMAIN_IP_ADDR_MAX,
  DOMAIN_MEMORY_STATS_MAX,
  DOMAIN_SEND_KEY_MAX,
  DOMAIN_SNAPSHOT_LIST_MAX,
  domainRef,
  GUEST_INFO_MAX,
  INTERFACE_PARAMETERS_MAX,
  JOB_STATS_MAX,
  MIGRATE_COOKIE_MAX,
  MIGRATE_PARAM_LIST_MAX,
  maybeText,
  SCHEDULER_PARAMETERS_MAX,
  snapshotRef,
  text,
  typedParams,
  uuid,
} from "./types.ts";

const domain = domainRef;
const flags = uint;

const stateAndPower = {
  domainCreateXml: remote(10, { xml: text, flags }, { domain }),
  domainDefineXmlFlags: remote(350, { xml: text, flags }, { domain }),
  domainUndefineFlags: remote(231, { domain, flags }, {}),
  domainLookupById: remote(22, { id: int }, { domain }),
  domainLookupByName: remote(23, { name: text }, { domain }),
  domainLookupByUuid: remote(24, { uuid }, { domain }),
  domainCreateWithFlags: remote(196, { domain, flags }, { domain }),
  domainSuspend: remote(34, { domain }, {}),
  domainResume: remote(28, { domain }, {}),
  domainShutdownFlags: remote(258, { domain, flags }, {}),
  domainReboot: remote(27, { domain, flags }, {}),
  domainReset: remote(245, { domain, flags }, {}),
  domainDestroyFlags: remote(234, { domain, flags }, {}),
  domainGetState: remote(212, { domain, flags }, { state: int, reason: int }),
  domainGetInfo: remote(
    16,
    { domain },
    { state: uchar, maxMemory: count, memory: count, vcpus: ushort, cpuTime: count },
  ),
  domainIsActive: remote(150, { domain }, { active: flag }),
  domainIsPersistent: remote(151, { domain }, { persistent: flag }),
  domainGetAutostart: remote(15, { domain }, { autostart: flag }),
  domainSetAutostart: remote(29, { domain, autostart: flag }, {}),
} as const;

const definition = {
  domainGetXmlDesc: remote(14, { domain, flags }, { xml: text }),
  domainSetMetadata: remote(264, { domain, type: int, metadata: maybeText, key: maybeText, uri: maybeText, flags }, {}),
  domainGetMetadata: remote(265, { domain, type: int, uri: maybeText, flags }, { metadata: text }),
  domainAttachDeviceFlags: remote(160, { domain, xml: text, flags }, {}),
  domainDetachDeviceFlags: remote(161, { domain, xml: text, flags }, {}),
  domainUpdateDeviceFlags: remote(174, { domain, xml: text, flags }, {}),
  domainSetVcpusFlags: remote(199, { domain, vcpus: uint, flags }, {}),
  domainGetVcpusFlags: remote(200, { domain, flags }, { vcpus: int }),
  domainSetMemoryFlags: remote(204, { domain, memory: count, flags }, {}),
  domainSetMemoryStatsPeriod: remote(308, { domain, period: int, flags }, {}),
  domainSetInterfaceParameters: remote(
    256,
    { domain, device: text, params: typedParams(INTERFACE_PARAMETERS_MAX), flags },
    {},
  ),
  domainGetSchedulerParametersFlags: remote(
    223,
    { domain, nparams: int, flags },
    { params: typedParams(SCHEDULER_PARAMETERS_MAX) },
  ),
  domainSetSchedulerParametersFlags: remote(219, { domain, params: typedParams(SCHEDULER_PARAMETERS_MAX), flags }, {}),
} as const;

const disks = {
  domainBlockResize: remote(251, { domain, disk: text, size: count, flags }, {}),
  domainGetBlockInfo: remote(
    194,
    { domain, path: text, flags },
    { allocation: count, capacity: count, physical: count },
  ),
  domainSetBlockIoTune: remote(252, { domain, disk: text, params: typedParams(BLOCK_IO_TUNE_MAX), flags }, {}),
  domainGetBlockIoTune: remote(
    253,
    { domain, disk: maybeText, nparams: int, flags },
    { params: typedParams(BLOCK_IO_TUNE_MAX), nparams: int },
  ),
  domainBlockStats: remote(
    64,
    { domain, path: text },
    {
      readRequests: signedCount,
      readBytes: signedCount,
      writeRequests: signedCount,
      writeBytes: signedCount,
      errors: signedCount,
    },
  ),
} as const;

const inside = {
  domainMemoryStats: remote(
    159,
    { domain, maxStats: uint, flags },
    { stats: array(struct({ tag: int, value: count }), DOMAIN_MEMORY_STATS_MAX) },
  ),
  domainInterfaceAddresses: remote(
    353,
    { domain, source: uint, flags },
    {
      interfaces: array(
        struct({
          name: text,
          mac: maybeText,
          addresses: array(struct({ type: int, address: text, prefix: uint }), DOMAIN_IP_ADDR_MAX),
        }),
        DOMAIN_INTERFACE_MAX,
      ),
    },
  ),
  domainGetGuestInfo: remote(418, { domain, types: uint, flags }, { params: typedParams(GUEST_INFO_MAX) }),
  domainFsFreeze: remote(
    335,
    { domain, mountPoints: array(text, DOMAIN_FSFREEZE_MOUNTPOINTS_MAX), flags },
    { filesystems: int },
  ),
  domainFsThaw: remote(
    336,
    { domain, mountPoints: array(text, DOMAIN_FSFREEZE_MOUNTPOINTS_MAX), flags },
    { filesystems: int },
  ),
  domainSetUserPassword: remote(357, { domain, user: maybeText, password: maybeText, flags }, {}),
  domainSendKey: remote(
    226,
    { domain, codeset: uint, holdTime: uint, keycodes: array(uint, DOMAIN_SEND_KEY_MAX), flags },
    {},
  ),
  domainScreenshot: remote(211, { domain, screen: uint, flags }, { mime: maybeText }),
  domainOpenConsole: remote(201, { domain, device: maybeText, flags }, {}),
  domainOpenChannel: remote(296, { domain, channel: maybeText, flags }, {}),
  qemuMonitorCommand: qemu(1, { domain, command: text, flags }, { result: text }),
  qemuAgentCommand: qemu(3, { domain, command: text, timeout: int, flags }, { result: maybeText }),
} as const;

const snapshots = {
  domainSnapshotCreateXml: remote(185, { domain, xml: text, flags }, { snapshot: snapshotRef }),
  domainSnapshotGetXmlDesc: remote(186, { snapshot: snapshotRef, flags }, { xml: text }),
  domainSnapshotLookupByName: remote(189, { domain, name: text, flags }, { snapshot: snapshotRef }),
  domainListAllSnapshots: remote(
    274,
    { domain, needResults: int, flags },
    { snapshots: array(snapshotRef, DOMAIN_SNAPSHOT_LIST_MAX), ret: int },
  ),
  domainSnapshotCurrent: remote(191, { domain, flags }, { snapshot: snapshotRef }),
  domainRevertToSnapshot: remote(192, { snapshot: snapshotRef, flags }, {}),
  domainSnapshotDelete: remote(193, { snapshot: snapshotRef, flags }, {}),
} as const;

const jobs = {
  domainGetJobStats: remote(298, { domain, flags }, { type: int, params: typedParams(JOB_STATS_MAX) }),
  domainAbortJob: remote(164, { domain }, {}),
  domainBackupBegin: remote(421, { domain, xml: text, checkpointXml: maybeText, flags }, {}),
  domainBackupGetXmlDesc: remote(422, { domain, flags }, { xml: text }),
  domainMigratePerform3Params: remote(
    305,
    {
      domain,
      destinationUri: maybeText,
      params: typedParams(MIGRATE_PARAM_LIST_MAX),
      cookieIn: opaque(MIGRATE_COOKIE_MAX),
      flags,
    },
    { cookieOut: opaque(MIGRATE_COOKIE_MAX) },
  ),
} as const;

export const domainProcedures = {
  ...stateAndPower,
  ...definition,
  ...disks,
  ...inside,
  ...snapshots,
  ...jobs,
} as const;
