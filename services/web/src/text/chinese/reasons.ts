/**
 * Why an instance is in a state that nobody asked for, as cells and the scheduler say it. Some name things and numbers:
 * those stand as `{name}`, in the sentence and in its Chinese.
 */
export const reasonTexts = {
  "Its cell's storage has no space left. Free some, then resume it.":
    "所在节点的存储空间已满。请释放空间，然后继续运行。",
  "One of its disks could not be read or written.": "有一块磁盘无法读写。",
  "Someone paused it outside Nano.": "有人在 Nano 之外暂停了它。",
  "Its system panicked.": "客户系统内核崩溃。",
  "Its watchdog ran out.": "看门狗超时。",
  "Its own system suspended it.": "客户系统自行休眠。",
  "QEMU ended without being asked to.": "QEMU 意外退出。",
  "Its last start failed.": "上次启动失败。",
  "libvirt on its cell has no such domain any more.": "所在节点的 libvirt 上已没有这个虚拟机。",
} as const;

export const reasonPatterns = {
  "It crashed, and is started again in {pause} s: attempt {count}.":
    "云主机已崩溃，将在 {pause} 秒后重新启动：第 {count} 次尝试。",
  "Its last start failed. It is tried again in {pause} s: attempt {count}.":
    "上次启动失败，将在 {pause} 秒后再次尝试：第 {count} 次尝试。",
  "Its cell {cell} does not answer ({why}). It may well be running.":
    "所在节点 {cell} 没有响应（{why}）。云主机可能仍在运行。",
  "The guest did not react to the power button within {seconds} s. It can be stopped by force.":
    "客户系统在 {seconds} 秒内没有响应电源按钮。可以强制停止。",
  "libvirt says: {reason}": "libvirt 报告：{reason}",
} as const;
