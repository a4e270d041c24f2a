/** All benches, in the order in which they run and are printed. */
import type { Bench } from "../bench.ts";
import { accept } from "./accept.ts";
import { cellLost } from "./cell-lost.ts";
import { clone } from "./clone.ts";
import { consoles } from "./console.ts";
import { create } from "./create.ts";
import { exports } from "./export.ts";
import { fetchImage } from "./fetch.ts";
import { footprint } from "./footprint.ts";
import { instanceList } from "./instance-list.ts";
import { libvirtCall } from "./libvirt-call.ts";
import { packing } from "./packing.ts";
import { placement } from "./placement.ts";
import { restRead } from "./rest-read.ts";
import { snapshot } from "./snapshot.ts";
import { stateSync } from "./state-sync.ts";
import { statistics } from "./statistics.ts";
import { upload } from "./upload.ts";
import { uploadMemory } from "./upload-memory.ts";
import { verbs } from "./verbs.ts";

export const benches: readonly Bench[] = [
  libvirtCall,
  stateSync,
  create,
  verbs,
  clone,
  snapshot,
  exports,
  upload,
  uploadMemory,
  fetchImage,
  restRead,
  instanceList,
  placement,
  packing,
  accept,
  cellLost,
  consoles,
  statistics,
  footprint,
];
