/** Network interfaces: the portal's texts. */
export const nicTexts = {
  "Delete the snapshot {snapshot}, which holds memory, to change network interfaces.":
    "要更改网卡，请先删除含内存的快照 {snapshot}。",
  "A network interface of {name} is being removed": "正在移除 {name} 的网卡",
  "Add a network interface": "添加网卡",
  "Add the network interface": "添加网卡",
  Card: "网卡型号",
  "It has {count}; there are no more.": "已有 {count} 块，不能再添加。",
  "It is plugged into its cell's network, while the instance runs too. The guest has to be told to use it, unless cloud-init's first boot is still to come.":
    "网卡会接入节点的网络，运行中也可添加。除非 cloud-init 的首次启动尚未进行，否则需要在客户系统内配置后才能使用。",
  "Left empty, one is chosen that no other interface of the zone has.": "留空则自动选择一个区域内未被使用的地址。",
  "Limits of each:": "每块网卡的限制：",
  "MAC address": "MAC 地址",
  "Network interfaces": "网卡",
  "Other addresses": "其他地址",
  "Remove the network interface {nic} of {name}?": "移除 {name} 的网卡 {nic}？",
  "The first network interface stays as long as the instance.": "第一块网卡与云主机共存。",
  "Until its next start the running guest has: {nics}": "下次启动之前，运行中的客户系统仍使用：{nics}",
  "What the guest reaches over {nic} ({mac}), and who reaches it there.": "客户系统经由 {nic}（{mac}）的全部网络连接。",
  "Which one it sees: the guest needs a driver for it.": "客户系统看到的网卡型号，需要相应的驱动程序。",
  "as its hardware: {model}": "与硬件设置相同：{model}",
  "{name} gets a network interface": "正在为 {name} 添加网卡",
} as const;

/** And the contract's. */
export const nicWords = {
  "The instance has no such network interface": "云主机没有这块网卡",
  "This MAC address belongs to another network interface": "该 MAC 地址已属于另一块网卡",
  "Choose another one, or leave it out: then one is chosen that nobody has.":
    "请换一个地址，或者留空以自动选择未被使用的地址。",
  "Delete its snapshots with memory first.": "请先删除其包含内存的快照。",
  "Remove one that is not needed.": "请先移除一块不需要的网卡。",
  "Take its link down inside the guest.": "请在客户系统内停用该网卡。",
  "Wait until the guest is up, or stop the instance first.": "请等待客户系统启动完成，或者先停止云主机。",
} as const;
