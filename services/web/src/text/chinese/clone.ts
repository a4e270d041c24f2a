/** Cloning instances: the portal's texts. */
export const cloneTexts = {
  "Another instance with its size, settings and disks, on the same cell. To cloud-init it is a new machine.":
    "在同一节点上创建规格、设置和磁盘都相同的另一台云主机；对 cloud-init 而言它是一台新机器。",
  "As its source's": "与源云主机相同",
  Clone: "克隆",
  "Clone it": "克隆",
  "Clone {name}": "克隆 {name}",
  "Clone…": "克隆…",
  "Full: copies that depend on nothing; takes as long as copying them takes":
    "完整克隆：独立副本，不依赖任何文件；耗时取决于复制",
  "It has snapshots: a full clone has its disks as they are now, a linked one is not possible.":
    "它有快照：完整克隆只包含磁盘的当前内容，且无法进行链接克隆。",
  "Its disks": "磁盘",
  "Linked: at once and hardly any room; both lie over what is there now":
    "链接克隆：立即完成且几乎不占空间；双方都叠加在现有内容之上",
  "Start it once it is made": "创建后启动",
  "shares what is under it with linked clones": "与链接克隆共享底层内容",
  "{name} is being cloned from {source}": "正在从 {source} 克隆 {name}",
} as const;
