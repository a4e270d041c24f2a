/** Images in other formats, for who downloads them. */
export const renditionTexts = {
  Convert: "转换",
  "Download in another format": "以其他格式下载",
  "It is being converted, also while this page is closed": "正在转换；关闭此页面也会继续",
  "It is converted once for everyone who wants it, and kept for a day after it was downloaded last.":
    "只转换一次，供所有需要者共用；最后一次下载后保留一天。",
  "It is there already": "该格式已存在",
  "Its file in other formats": "其他格式的文件",
  "Kept until": "保留至",
  "qcow2, compressed": "qcow2（压缩）",
  "The file in that format was removed": "该格式的文件已移除",
  "VDI: for VirtualBox": "VDI：适用于 VirtualBox",
  "VHD of fixed size: for Azure": "固定大小的 VHD：适用于 Azure",
  "VHDX: for Hyper-V": "VHDX：适用于 Hyper-V",
  "VMDK, compressed stream: for VMware, OVA": "VMDK 压缩流：适用于 VMware、OVA",
} as const;

export const renditionWords = {
  converting: "转换中",
  "The image is not there in that format": "镜像没有该格式的文件",
  "The image is not there in that format yet": "该格式的文件尚未就绪",
  "Free some space; or download it as it is stored, and convert it yourself with `qemu-img convert`.":
    "请释放一些空间；或下载存储的原文件，用 `qemu-img convert` 自行转换。",
  "Take another format: this one is as long as the disk.": "请选择其他格式：该格式的文件与磁盘一样大。",
  "Take another format; or download it as it is stored, and convert it yourself with `qemu-img convert`.":
    "请选择其他格式；或下载存储的原文件，用 `qemu-img convert` 自行转换。",
} as const;
