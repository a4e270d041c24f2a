/** What cells have and no record puts there, and what is forgotten. English is the key. */
export const strayTexts = {
  "Adopt it": "纳入管理",
  "Forget it": "移除记录",
  Forget: "移除记录",
  "Forget {name}?": "移除 {name} 的记录？",
  "For a cell that never returns. Its record, its name, its addresses and its room on the cell are free at once.":
    "适用于不再恢复的节点。其记录、名称、地址和占用的资源立即释放。",
  "Nothing is deleted on the cell. It may well be running there.": "节点上不会删除任何内容，云主机可能仍在其上运行。",
  "Should the cell return, what it has is shown on the cell's page: it can be adopted, or removed with its disks.":
    "如果节点恢复，其上的内容会显示在节点页面，可以纳入管理，也可以连同磁盘一起删除。",
  "{name} was forgotten": "已移除 {name} 的记录",
  "Instances without a record here": "此节点上没有记录的云主机",
  "They are left as they are, until you adopt or remove them.": "在您纳入管理或删除之前，它们保持原样。",
  "It is removed by itself.": "将自动删除。",
  "on record on {cell}": "记录位于 {cell}",
  "Why it is here": "原因",
  "Remove {name} from {cell}?": "从 {cell} 上删除 {name}？",
  "It is ended if it runs.": "如果正在运行，将被强制停止。",
  "Its disks on this cell, with everything on them.": "它在此节点上的磁盘及其全部内容。",
  "What is on record on another cell stays.": "其他节点上有记录的那一份会保留。",
  "Remove it and its disks here": "删除它及其在此节点的磁盘",
  "{name} is on record again": "{name} 已重新纳入管理",
  "{name} was removed from {cell}": "已从 {cell} 上删除 {name}",
  "Another copy of it is on {cell} ({state}). Decide on that cell's page which one is right.":
    "{cell} 上还有它的另一份副本（{state}）。请在该节点页面决定保留哪一份。",
} as const;

/** As the contract says them. */
export const strayWords = {
  "Another cell is on record for this instance: there are two of it.": "记录中此云主机位于另一节点：现有两份。",
  "No zone has claimed it: an older version made it, perhaps another zone's on the same host.":
    "尚无任何区域认领它：它由旧版本创建，也可能属于同一主机上的另一个区域。",
  "Its record was forgotten while this cell was away.": "在此节点失联期间，其记录已被移除。",
  "It cannot be taken into the records as it is.": "无法按现状纳入管理。",
  "It was deleted. What is left of it is removed by itself.": "它已被删除，残留部分会自动清除。",
  "A newer one of it is on another cell. This one is removed by itself; its disks stay.":
    "另一节点上有较新的一份。这一份会自动移除，磁盘保留。",
  "Its cell answers: delete it instead.": "所在节点有响应：请直接删除。",
} as const;

export const strayPatterns = {
  "The address {mac} of its network interface is another instance's": "其网卡地址 {mac} 已属于另一台云主机",
} as const;
