export { type LanResult, onLan, runOnLan } from "./lan.ts";
export { type LabLibvirtd, type LabLibvirtdOptions, startLibvirtd } from "./libvirtd.ts";
export { claimPortBlock, type PortBlock } from "./ports.ts";
export { type LabSshd, startSshd } from "./sshd.ts";
