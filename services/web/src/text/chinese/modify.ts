/** Hardware, limits, changes and lifecycle of instances: the portal's own texts, and the contract's words. */
export const modifyTexts = {
  Hardware: "硬件",
  Limits: "限额",
  Abilities: "能力",
  Pause: "暂停",
  Resume: "继续",
  "{name} is being paused": "正在暂停 {name}",
  "{name} goes on": "{name} 继续运行",
  "If it crashes": "崩溃时",
  "is started again": "重新启动",
  "stays off": "保持关机",
  "Waits for its next start": "下次启动时生效",
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
  "It is not paused.": "它没有被暂停。",
};
