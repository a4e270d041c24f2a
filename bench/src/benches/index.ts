/** All benches, in the order in which they run and are printed. */
import type { Bench } from "../bench.ts";
import { clone } from "./clone.ts";
import { footprint } from "./footprint.ts";
import { libvirtCall } from "./libvirt-call.ts";
import { packing } from "./packing.ts";
import { placement } from "./placement.ts";
import { restRead } from "./rest-read.ts";
import { upload } from "./upload.ts";

export const benches: readonly Bench[] = [libvirtCall, clone, upload, placement, packing, restRead, footprint];
