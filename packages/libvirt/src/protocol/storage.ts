/** Procedures about storage pools and volumes. Numbers and shapes: libvirt's `src/remote/remote_protocol.x`. */

import { array, char, count, flag, int, uchar, uint } from "../codec.ts";
import { remote } from "./procedure.ts";
import { poolRef, STORAGE_VOL_LIST_MAX, text, uuid, volumeRef } from "./types.ts";

const pool = poolRef;
const volume = volumeRef;
const flags = uint;

export const storageProcedures = {
  storagePoolCreateXml: remote(76, { xml: text, flags }, { pool }),
  storagePoolDefineXml: remote(77, { xml: text, flags }, { pool }),
  storagePoolCreate: remote(78, { pool, flags }, {}),
  storagePoolBuild: remote(79, { pool, flags }, {}),
  storagePoolDestroy: remote(80, { pool }, {}),
  storagePoolDelete: remote(81, { pool, flags }, {}),
  storagePoolUndefine: remote(82, { pool }, {}),
  storagePoolRefresh: remote(83, { pool, flags }, {}),
  storagePoolLookupByName: remote(84, { name: text }, { pool }),
  storagePoolLookupByUuid: remote(85, { uuid }, { pool }),
  storagePoolLookupByVolume: remote(86, { volume }, { pool }),
  storagePoolLookupByTargetPath: remote(391, { path: text }, { pool }),
  storagePoolGetInfo: remote(87, { pool }, { state: uchar, capacity: count, allocation: count, available: count }),
  storagePoolGetXmlDesc: remote(88, { pool, flags }, { xml: text }),
  storagePoolGetAutostart: remote(89, { pool }, { autostart: flag }),
  storagePoolSetAutostart: remote(90, { pool, autostart: flag }, {}),
  storagePoolIsActive: remote(154, { pool }, { active: flag }),
  storagePoolIsPersistent: remote(155, { pool }, { persistent: flag }),
  storagePoolListAllVolumes: remote(
    282,
    { pool, needResults: int, flags },
    { volumes: array(volumeRef, STORAGE_VOL_LIST_MAX), ret: uint },
  ),

  storageVolCreateXml: remote(93, { pool, xml: text, flags }, { volume }),
  storageVolCreateXmlFrom: remote(125, { pool, xml: text, source: volumeRef, flags }, { volume }),
  storageVolDelete: remote(94, { volume, flags }, {}),
  storageVolLookupByName: remote(95, { pool, name: text }, { volume }),
  storageVolLookupByKey: remote(96, { key: text }, { volume }),
  storageVolLookupByPath: remote(97, { path: text }, { volume }),
  storageVolGetInfo: remote(98, { volume }, { type: char, capacity: count, allocation: count }),
  storageVolGetInfoFlags: remote(378, { volume, flags }, { type: char, capacity: count, allocation: count }),
  storageVolGetXmlDesc: remote(99, { volume, flags }, { xml: text }),
  storageVolGetPath: remote(100, { volume }, { path: text }),
  storageVolResize: remote(260, { volume, capacity: count, flags }, {}),
  storageVolUpload: remote(208, { volume, offset: count, length: count, flags }, {}),
  storageVolDownload: remote(209, { volume, offset: count, length: count, flags }, {}),
} as const;
