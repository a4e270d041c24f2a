/** Disks, and the media in the drive: the portal's texts. */
export const diskTexts = {
  "A disk takes only the room of what was written to it.": "磁盘只占用已写入数据的空间。",
  "Add a disk": "添加磁盘",
  "Add the disk": "添加磁盘",
  "Blank, and given to the guest at once where its disk bus allows that.":
    "空白磁盘；在磁盘总线允许的情况下立即提供给客户系统。",
  "Delete the snapshots of {name} to change its disks.": "要更改磁盘，请先删除 {name} 的快照。",
  Drive: "光驱",
  "Everything on the disk {disk} of {name} ({size}).": "{name} 的磁盘 {disk}（{size}）上的全部数据。",
  "Reclaim space": "回收空间",
  Grow: "扩容",
  "Grow to": "扩容至",
  "It is a clone of {image}: written anew, the whole image would be copied into it.":
    "它是 {image} 的克隆：重写会把整个镜像复制进来。",
  "Its file is gone from the cell's storage.": "其文件已不在节点的存储中。",
  "Remove the disk {disk} of {name}?": "移除 {name} 的磁盘 {disk}？",
  "Remove it": "移除",
  Remove: "移除",
  Takes: "占用",
  "The system disk stays as long as the instance.": "系统盘与云主机共存。",
  "{name} gets a disk": "正在为 {name} 添加磁盘",
  "The disk of {name} is growing": "正在为 {name} 的磁盘扩容",
  "The disk of {name} is being removed": "正在移除 {name} 的磁盘",
  "The disk of {name} is written anew": "正在重写 {name} 的磁盘",
  "of {size}": "共 {size}",
  "Eject {name}": "弹出 {name}",
  "Force the drive of {name} open?": "强制打开 {name} 的光驱？",
  "Force it open": "强制打开",
  "Force the tray open…": "强制弹出光驱…",
  "Insert media": "插入光盘",
  "Insert media into {name}": "向 {name} 插入光盘",
  "Insert media…": "插入光盘…",
  "It cannot be deleted while an instance has it in its drive.": "仍在某台云主机光驱中的光盘无法删除。",
  "It goes into the drive of the running instance and stays there until it is ejected or the instance stops.":
    "光盘会插入正在运行的云主机的光驱，直到被弹出或云主机停止。",
  "Like the pin-hole of a real drive: programs of the guest that read from it get errors.":
    "如同捅开真实光驱的应急孔：客户系统中正在读取光盘的程序会出错。",
  Medium: "光盘",
  "Nothing is in its drive.": "光驱中没有光盘。",
  "Replace media…": "更换光盘…",
  "The drive of {name} is being emptied": "正在弹出 {name} 的光盘",
  "{name} gets its medium": "正在向 {name} 插入光盘",
  "Also when the guest has locked the tray": "即使客户系统锁住了光驱",
} as const;

/** And the contract's. */
export const diskWords = {
  "A disk's size only grows": "磁盘只能扩容",
  "The disk's file is gone": "磁盘文件已丢失",
  "The instance has as many disks as it can have": "云主机的磁盘数量已达上限",
  "Remove one first, or grow one.": "请先移除一块磁盘，或者为已有磁盘扩容。",
  "The instance has no such disk": "云主机没有这块磁盘",
  "It is in use": "正在使用",
  "The guest has locked the drive's tray": "客户系统锁住了光驱",
  "Unmount it inside the guest, or force it.": "请在客户系统中卸载光盘，或强制弹出。",
} as const;
