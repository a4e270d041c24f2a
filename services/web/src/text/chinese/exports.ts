/** Disks that become images: the portal's own texts. */
export const exportTexts = {
  Build: "构建",
  "Build an image": "构建镜像",
  "Build the image": "构建镜像",
  "Build…": "构建…",
  "Prefer a stopped instance. A running one is copied as its disk is at that moment.":
    "建议选择已关机的云主机；运行中的云主机按当时的磁盘内容复制。",
  "Choose an instance": "请选择云主机",
  "No instance can be made an image of now.": "目前没有可用于构建镜像的云主机。",
  "Not now": "暂不可用",
  "The image {name} is being built": "正在构建镜像 {name}",
  "The system disk of an instance becomes an image that others are cloned from, with its software.":
    "将云主机的系统盘制作成镜像，之后可从中克隆带有相同系统和软件的实例。",
  "Being built from the disk {disk} of {name}": "正在由 {name} 的磁盘 {disk} 制作",
  "The image contains the guest's host keys, machine ID, passwords and logs. Remove inside the guest what must not be copied, or let cloud-init create it again.":
    "客户系统的主机密钥、机器标识、密码和日志都会包含在镜像中。请先在客户系统内清理不应复制的内容，或由 cloud-init 重新生成。",
  "Export as an image": "导出为镜像",
  "Export as an image…": "导出为镜像…",
  "Export it": "导出",
  "Export the disk {disk} of {name} as an image": "将 {name} 的磁盘 {disk} 导出为镜像",
  "It becomes an ordinary image that instances are made from. The instance stays as it is, and cannot be started until the copy has been sent.":
    "它将成为可用于创建云主机的普通镜像。云主机保持不变，在副本发送完成之前不能启动。",
  "It becomes an ordinary image that instances are made from: the disk as it is at the moment when the copy begins. The instance goes on running. With a guest agent its file systems are frozen for that moment; without one the image is what a power cut would leave.":
    "它将成为可用于创建云主机的普通镜像：内容为复制开始时刻的磁盘。云主机继续运行。若有客户机代理，会在该时刻冻结文件系统；否则镜像相当于断电时的状态。",
  "Made of": "来源",
  "The disk is exported as the image {name}": "正在将磁盘导出为镜像 {name}",
  "disk {disk} of {name}": "{name} 的磁盘 {disk}",
} as const;

/** And what its task says of its steps. */
export const exportPatterns = {
  "Register the image {name}": "登记镜像 {name}",
  "Copy the disk {disk}": "复制磁盘 {disk}",
  "Send the copy to the image service": "将副本发送到镜像服务",
  "Delete the copy": "删除副本",
} as const;
