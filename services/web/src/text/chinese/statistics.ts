/** What is used over time. */
export const statisticsTexts = {
  "Disk requests": "磁盘请求",
  "It is measured every 10 s; the first figures are here soon after its start.":
    "每 10 秒测量一次；启动后不久即可看到最初的数据。",
  "It is measured while it runs.": "仅在运行时测量。",
  "No figures yet": "尚无数据",
  Now: "当前",
  "Over time": "随时间变化",
  "QEMU's own network does not count its traffic.": "QEMU 自带的网络不统计流量。",
  "The cells are measured every 10 s while they are online.": "节点在线时每 10 秒测量一次。",
  "Time span": "时间范围",
  "as the guest says": "由客户机报告",
  "highest {value}": "最高 {value}",
  "what its process takes on the host; the guest says nothing": "宿主机上进程占用的内存；客户机未报告",
  "{count} min": "{count} 分钟",
} as const;
