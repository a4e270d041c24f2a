/** Tasks and events. English is the key. */
export const taskTexts = {
  Before: "之前",
  Began: "开始于",
  By: "操作者",
  "Cancel the task": "取消任务",
  Ended: "结束于",
  "for {time}": "已进行 {time}",
  Instance: "云主机",
  "It has ended.": "任务已结束。",
  "Its current step must finish.": "当前步骤必须完成。",
  Newest: "最新",
  Operation: "操作",
  Task: "任务",
  "The task is being cancelled: what it has done is undone": "任务正在取消：已完成的步骤会被撤销",
  Took: "耗时",
  "took {time}": "耗时 {time}",
  waiting: "等待中",
  "What happened in the zone, newest first. The stream keeps a bounded time.":
    "区域中发生的事件，最新在前。事件只保留一段时间。",
  "Work that takes steps. It goes on when you leave, and is finished or undone after a crash.":
    "需要多个步骤的工作。离开后继续执行，故障后会完成或撤销。",
  "{count} {count|step|steps}": "{count} 个步骤",
} as const;
