/** All benches, in the order in which they run and are printed. */
import type { Bench } from "../bench.ts";
import { clone } from "./clone.ts";
import { libvirtCall } from "./libvirt-call.ts";
import { packing } from "./packing.ts";
import { placement } from "./placement.ts";

export const benches: readonly Bench[] = [libvirtCall, clone, placement, packing];
