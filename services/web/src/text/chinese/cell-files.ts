/** What a cell keeps of images and media. */
export const cellFileTexts = {
  "Everything is in use.": "全部都在使用中。",
  "File size": "文件大小",
  "Image files": "镜像文件",
  "It has fetched no image or medium yet.": "尚未获取任何镜像。",
  "Last verified": "最近校验",
  "No record you may see has this content": "没有您可见的镜像记录与此内容对应",
  nothing: "无",
  "Nothing was removed: what was asked for in the last minutes stays.":
    "没有删除任何文件：最近几分钟内请求过的文件会保留。",
  "Remove what nothing uses": "删除未使用的文件",
  "{count} {count|disk|disks}": "{count} 个磁盘",
  "{count} {count|drive|drives}": "{count} 个光驱",
  "{count} {count|file was|files were} removed, {size} are free again": "已删除 {count} 个文件，释放 {size}",
  "{size} in all, {unused} of it unused. Fetched once, verified, and shared by the instances made of them.":
    "共 {size}，其中 {unused} 未使用。每个文件只获取一次并经过校验，由基于它的云主机共享。",
} as const;

export const cellFileWords = {
  damaged: "已损坏",
  fetching: "获取中",
} as const;

export const cellFilePatterns = {
  "The storage pool {pool} belongs to the zone {zone}. Name another one in NANO_CELL_POOL and NANO_CELL_STORAGE; if that zone is gone for good, start the cell with NANO_CELL_TAKES_OVER={id}":
    "存储池 {pool} 属于区域 {zone}。请在 NANO_CELL_POOL 和 NANO_CELL_STORAGE 中指定另一个存储池；如果该区域已不复存在，请以 NANO_CELL_TAKES_OVER={id} 启动节点",
  "The image {checksum} is damaged in the cell's storage, and instances need it. It is fetched again from what has this checksum; if nothing has, upload that file again.":
    "节点存储中的镜像 {checksum} 已损坏，而云主机需要它。系统会从校验和相同的镜像重新获取；如果没有，请重新上传该文件。",
  "The image {checksum} is missing in the cell's storage, and instances need it. It is fetched again from what has this checksum; if nothing has, upload that file again.":
    "节点存储中缺少镜像 {checksum}，而云主机需要它。系统会从校验和相同的镜像重新获取；如果没有，请重新上传该文件。",
  "The medium {checksum} is damaged in the cell's storage, and instances need it. It is fetched again from what has this checksum; if nothing has, upload that file again.":
    "节点存储中的光盘镜像 {checksum} 已损坏，而云主机需要它。系统会从校验和相同的光盘镜像重新获取；如果没有，请重新上传该文件。",
  "The medium {checksum} is missing in the cell's storage, and instances need it. It is fetched again from what has this checksum; if nothing has, upload that file again.":
    "节点存储中缺少光盘镜像 {checksum}，而云主机需要它。系统会从校验和相同的光盘镜像重新获取；如果没有，请重新上传该文件。",
} as const;
