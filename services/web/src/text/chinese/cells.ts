/** Pools and cells. English is the key. */
export const cellTexts = {
  "A pool is a set of cells that instances are placed on.": "资源池是一组用于放置云主机的节点。",
  "Add a cell to {pool}": "向 {pool} 添加节点",
  "Add a discovered cell, and instances can be placed here.": "添加一个已发现的节点，即可在此放置云主机。",
  "Add it to a pool": "加入资源池",
  "Add to the pool": "加入",
  "Add to {pool}": "加入 {pool}",
  "All of them": "全部",
  "Cells online": "在线节点",
  "Create a pool": "创建资源池",
  "Create the pool": "创建资源池",
  "Delete its instances first.": "请先删除其中的云主机。",
  "Delete the pool": "删除资源池",
  "Delete the pool {name}?": "删除资源池 {name}？",
  Disable: "停用",
  discovered: "发现于",
  Discovered: "发现于",
  "Discovered cells, not in a pool yet": "已发现、尚未加入资源池的节点",
  Enable: "启用",
  "Every host that was ever discovered.": "所有曾被发现的主机。",
  Hypervisor: "虚拟化程序",
  "Instances running": "运行中的云主机",
  "It hosts no instance.": "没有承载云主机。",
  "It stays discovered and can be added to a pool again.": "它仍处于已发现状态，可再次加入资源池。",
  "Instances that are off count, too: they may start at any time.": "已停止的云主机也计算在内：它们随时可能启动。",
  "It is promised its cores, memory and storage at once, and keeps them while it is off.":
    "创建后立即为其分配核心、内存和存储，停止期间也会保留。",
  "Its instances": "其中的云主机",
  "Last seen": "最近响应",
  "No cell is here": "这里没有节点",
  "No cell is waiting": "没有等待加入的节点",
  "No description": "没有描述",
  "Not in a pool": "未加入资源池",
  "Pool {name} was created": "资源池 {name} 已创建",
  "Pool {name} was deleted": "资源池 {name} 已删除",
  "Promised to instances": "已分配给云主机",
  "Remove from the pool": "移出资源池",
  "Remove its cells and delete its instances first.": "请先移除其节点并删除其云主机。",
  "Small letters, digits and '-'. It does not change later.": "小写字母、数字和“-”。之后不能更改。",
  "Take {name} out of its pool?": "将 {name} 移出资源池？",
  "The cell does not answer. Its instances may well be running. Last seen":
    "节点没有响应，其云主机可能仍在运行。最近响应：",
  "The default pool stays.": "默认资源池不能删除。",
  "The pool and its name. It must be empty: no cell and no instance is touched.":
    "资源池及其名称。资源池必须为空：不会影响任何节点或云主机。",
  "This pool has no cells": "此资源池没有节点",
  Version: "版本",
  Virtualization: "虚拟化",
  "{cores} cores, {memory} MiB of memory and {storage} GiB of storage leave the pool {pool}.":
    "{cores} 个核心、{memory} MiB 内存和 {storage} GiB 存储将离开资源池 {pool}。",
  "{count} discovered {count|cell is|cells are} in no pool.": "{count} 个已发现的节点未加入资源池。",
  "{count} {count|problem|problems}": "{count} 个问题",
  "Forget the cell": "移除节点记录",
  "Forget the cell {name}?": "移除节点 {name} 的记录？",
  "Forget it and its instances": "移除节点及其云主机的记录",
  "For a host that never returns, or must not. Its record goes, and its name is free.":
    "适用于不再恢复或不允许再加入的主机。其记录被移除，名称立即释放。",
  "Its key is refused until it is readmitted.": "在重新准入之前，其密钥会被拒绝。",
  "It answers now: its connection is ended at once, and its key is refused until it is readmitted.":
    "节点目前有响应：其连接立即断开，在重新准入之前，其密钥会被拒绝。",
  "Nothing is deleted on its host. What runs there may go on running.":
    "主机上不会删除任何内容，其上运行的云主机可能继续运行。",
  "{count} {count|instance|instances} on it {count|is|are} forgotten with it:":
    "其上 {count} 台云主机的记录将一并移除：",
  "Forgotten cells": "已移除的节点",
  Forgotten: "移除于",
  "Their keys are refused. One that is readmitted appears as discovered when it announces itself.":
    "它们的密钥会被拒绝。重新准入的节点再次报到后会显示为已发现。",
  Readmit: "重新准入",
  "The cell {name} was forgotten": "已移除节点 {name} 的记录",
  "{name} may join again": "{name} 可以重新加入",
  "{name} accepts new instances again": "{name} 重新接受新云主机",
  "{name} accepts no new instances now": "{name} 现在不接受新云主机",
  "{name} is in no pool now": "{name} 已移出资源池",
  "{name} was added to {pool}": "{name} 已加入 {pool}",
  "What is promised counts instances that are off, too: they may start at any time.":
    "已分配的资源也包括已停止的云主机：它们随时可能启动。",
  "{count} {count|cell|cells}": "{count} 个节点",
} as const;

/** As the contract says them. */
export const cellWords = {
  "The cell answers: take it out of its pool first.": "节点有响应：请先将其移出资源池。",
} as const;
