/** Disks, and the media in the drive: the portal's texts. */
export const diskTexts = {
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
  "It is in use": "正在使用",
  "See details for who uses it; end that first.": "请查看详情中的使用者，并先停止使用。",
  "The guest has locked the drive's tray": "客户系统锁住了光驱",
  "Unmount it inside the guest, or force it.": "请在客户系统中卸载光盘，或强制弹出。",
} as const;
