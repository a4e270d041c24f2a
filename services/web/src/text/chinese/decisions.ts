/** Placement decisions, as the scheduler words them. */
export const decisionPatterns = {
  "{count} core": "{count} 个核心",
  "{count} cores": "{count} 个核心",
  "{count} MiB memory": "{count} MiB 内存",
  "{count} GiB storage": "{count} GiB 存储",
  "needs {storage} GiB, {free} GiB free of {total}": "需要 {storage} GiB 存储，{total} GiB 中可用 {free} GiB",
  "its storage is full: {used} GiB of {total} are used": "存储已满：{total} GiB 中已用 {used} GiB",
  "Pool {pool} has no cells.": "资源池 {pool} 没有节点。",
  "The only cell of pool {pool} can't take it: {why}.": "资源池 {pool} 中唯一的节点无法容纳：{why}。",
  "None of the {count} cells of pool {pool} can take it: {why}.": "资源池 {pool} 的 {count} 个节点都无法容纳：{why}。",
  "{cell} is the only cell that fits; {lost} of {count} can't take it: {why}.":
    "{cell} 是唯一合适的节点；{count} 个节点中有 {lost} 个无法容纳：{why}。",
  "{cell} is the only cell that fits; {lost} of {count} can't take it.":
    "{cell} 是唯一合适的节点；{count} 个节点中有 {lost} 个无法容纳。",
  "{cell} is the only cell that fits.": "{cell} 是唯一合适的节点。",
  "{cell} has the lowest weighted load of the {fit} cells that fit; {lost} of {count} can't take it: {why}.":
    "{cell} 在 {fit} 个合适的节点中加权负载最低；{count} 个节点中有 {lost} 个无法容纳：{why}。",
  "{cell} has the lowest weighted load of the {fit} cells that fit; {lost} of {count} can't take it.":
    "{cell} 在 {fit} 个合适的节点中加权负载最低；{count} 个节点中有 {lost} 个无法容纳。",
  "{cell} has the lowest weighted load of the {fit} cells that fit.": "{cell} 在 {fit} 个合适的节点中加权负载最低。",
  "{cell} leaves the least room unused of the {fit} cells that fit; {lost} of {count} can't take it: {why}.":
    "{cell} 在 {fit} 个合适的节点中剩余最少；{count} 个节点中有 {lost} 个无法容纳：{why}。",
  "{cell} leaves the least room unused of the {fit} cells that fit; {lost} of {count} can't take it.":
    "{cell} 在 {fit} 个合适的节点中剩余最少；{count} 个节点中有 {lost} 个无法容纳。",
  "{cell} leaves the least room unused of the {fit} cells that fit.": "{cell} 在 {fit} 个合适的节点中剩余最少。",
  "needs {cores} cores, the host has {total}": "需要 {cores} 个核心，主机共有 {total} 个",
  "needs {cores} cores, {free} free of {total}; instances that are off count, too":
    "需要 {cores} 个核心，{total} 个中可用 {free} 个；已停止的云主机也计算在内",
  "needs {memory} MiB, {free} MiB free of {total}": "需要 {memory} MiB 内存，{total} MiB 中可用 {free} MiB",
  "needs {memory} MiB, the host uses {used} MiB of its {total}":
    "需要 {memory} MiB 内存，主机 {total} MiB 中已用 {used} MiB",
  "disabled; it keeps its {count} instances and takes no new ones": "已停用；保留其 {count} 台云主机，不接受新的云主机",
  "silent for {seconds} s": "已 {seconds} 秒没有响应",
  "Enable {cell}; it has room for this.": "启用 {cell}；它有足够的空间。",
  "Ask for {what} at most; then it fits on {cell}.": "最多申请 {what}，即可放置在 {cell}。",
  "Bring {cell} back, it does not answer; it has room for this.": "恢复没有响应的 {cell}；它有足够的空间。",
  "Free some storage on {cell}; it has room for this.": "释放 {cell} 的部分存储；它有足够的空间。",
  "Add a cell with {what} to spare to the pool.": "向资源池添加一个有 {what} 空余的节点。",
} as const;

export const decisionTexts = {
  "it does not answer": "没有响应",
  "its host cannot do this": "主机不支持",
  "too few free cores": "空闲核心不足",
  "too little free memory": "空闲内存不足",
  "too little unused memory": "主机可用内存不足",
  "too little free storage": "空闲存储不足",
  "its storage is full": "存储已满",
} as const;
