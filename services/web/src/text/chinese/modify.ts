/** Hardware, limits, changes and lifecycle of instances: the portal's own texts, and the contract's words. */
export const modifyTexts = {
  Abilities: "能力",
};

export const modifyWords = {
  "UEFI firmware": "UEFI 固件",
  "CPU priorities": "CPU 优先级",
  "Network limits": "网络限速",
  "its host has no UEFI firmware (OVMF)": "其主机没有 UEFI 固件（OVMF）",
  "libvirt on its host has no CPU controller (cgroup)": "其主机上的 libvirt 没有 CPU 控制器（cgroup）",
  "its instances are on no bridge, or its kernel lacks the queueing disciplines htb and sfq":
    "其云主机未接入网桥，或内核缺少 htb、sfq 排队规则",
  abilities: "能力",
};
