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
  "A guest may need other drivers for other hardware. Change one thing at a time.":
    "硬件改变后客户系统可能需要其他驱动程序，请逐项更改。",
  Change: "更改",
  "Change {name}": "更改 {name}",
  "Change…": "更改…",
  "Is now": "现在",
  "It has all of it at its next start.": "全部更改在下次启动时生效。",
  "Running: limits and added cores or memory apply now if the guest supports it, the rest at the next start.":
    "运行中：限制以及增加的核心或内存在客户系统支持时立即生效，其余在下次启动时生效。",
  "Its disks are changed on their own page.": "磁盘在单独的页面中更改。",
  "Nothing was changed": "没有更改",
  "Nothing was saved. What you changed is kept below, on what it is now: save again if it still fits.":
    "尚未保存。您的更改保留在下方，并已基于最新内容：如仍适用，请再次保存。",
  "Only what you changed is sent, and only if nobody changed it meanwhile.":
    "只发送您更改的内容，并且仅在期间无人更改时生效。",
  Save: "保存",
  "Somebody else changed {name} meanwhile.": "期间有人更改了 {name}。",
  Was: "原来",
  What: "项目",
  Yours: "您的更改",
  unchanged: "未更改",
  "{name} is being changed": "正在更改 {name}",
  "{setting}: as shown from its next start on. Until then it runs with {value}.":
    "{setting}：下次启动后如下所示，此前仍为 {value}。",
  "no limits": "不限",
  "something else": "其他值",
  "{setting} (until then {value})": "{setting}（此前为 {value}）",
  Rescue: "救援",
  "Rescue {name}": "救援 {name}",
  "Rescue…": "救援…",
  "It starts once from a medium, with its own disks beside it as they are: mount them there and mend what is broken. Its next start without a medium is from its disk again.":
    "从光盘启动一次，原有磁盘保持不变并一同接入：可在其中挂载磁盘并修复问题。下次不带光盘启动时，仍从磁盘启动。",
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
