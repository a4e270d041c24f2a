/** Snapshots: the portal's own texts, and those of the contract. */
export const snapshotTexts = {
  "Also keep its memory": "同时保存内存",
  "Back to {name}": "恢复到 {name}",
  "Delete anyway…": "仍要删除…",
  "Delete the snapshot": "删除快照",
  "Delete the snapshot {name}?": "删除快照 {name}？",
  "Disks, taken while it ran": "磁盘（运行时）",
  "Disks, while it was off": "磁盘（关机时）",
  "Disks and memory": "磁盘和内存",
  "Go back": "恢复",
  "Go back to {name}?": "恢复到 {name}？",
  "It is stopped first, like pulling the plug.": "将先强制关机，如同拔掉电源。",
  "It runs on from there afterwards.": "恢复后将从该时刻继续运行。",
  "It will be off afterwards.": "恢复后处于关机状态。",
  "It has UEFI firmware, which no snapshot keeps.": "它使用 UEFI 固件，无法保存到快照。",
  "No snapshots": "没有快照",
  "Restored, it runs on from this very moment. Without it, disks are kept as after pulling the plug.":
    "恢复后将从这一刻继续运行；不保存内存时，磁盘如同断电后的状态。",
  Snapshots: "快照",
  "Take a snapshot": "创建快照",
  "Take a snapshot of {name}": "为 {name} 创建快照",
  "Take it": "创建",
  "The snapshot {name} is being taken": "正在创建快照 {name}",
  "The snapshot is being deleted": "正在删除快照",
  "The state it keeps; nobody can go back to it any more.": "它所保存的状态，之后将无法恢复。",
  "They keep what it was, to go back to: before an upgrade, for instance.":
    "快照保存云主机的历史状态，例如在升级之前创建，需要时即可恢复。",
  "What its disks hold now, unless another snapshot keeps it.": "磁盘当前的内容，除非已保存在其他快照中。",
  "What it is doing now, and what its disks hold now unless another snapshot keeps it.":
    "当前正在运行的内容，以及未保存在其他快照中的磁盘内容。",
  "Snapshots that depend on it move to its parent and lose nothing.": "依赖它的快照将归到其上级，不会丢失内容。",
  "It keeps all its disks at once, as they are now.": "同时保存所有磁盘的当前状态。",
  "by {person}": "创建者 {person}",
  current: "当前",
  "{name} goes back to the snapshot": "{name} 正在恢复到快照",
} as const;

export const snapshotWords = {
  "Take, restore and delete snapshots of instances": "创建、恢复和删除云主机快照",
  "It is the current one: what the instance has now began here.": "它是当前快照：云主机的现有状态由此开始。",
  "Later snapshots depend on it.": "后续快照依赖于它。",
  "No such snapshot": "没有该快照",
  "List the instance's snapshots with snapshot.list.": "用 snapshot.list 列出云主机的快照。",
  "The snapshot is the current one, or others depend on it": "快照是当前快照，或被其他快照依赖",
  "Go back to another one or delete those first; or repeat with `force`, and they move to its parent.":
    "请先恢复到其他快照或删除依赖它的快照；也可用 `force` 重试，依赖它的快照将归到其上级。",
  "The instance has snapshots": "云主机有快照",
  "Delete its snapshots first: they hold its disks as they are.": "请先删除快照：它们固定了磁盘的状态。",
  "There are as many as there may be": "数量已达上限",
  "Delete one that is no longer needed.": "请删除不再需要的一个。",
} as const;
