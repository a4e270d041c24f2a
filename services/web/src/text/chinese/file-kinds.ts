/** What the image service calls a wrong file, why it is refused, and what to do with it. */
export const fileKindTexts = {
  "a qcow2 disk image": "qcow2 磁盘镜像",
  "a VMDK disk image": "VMDK 磁盘镜像",
  "a VMDK disk image of ESX": "ESX 的 VMDK 磁盘镜像",
  "a VMDK descriptor": "VMDK 描述文件",
  "a VHDX disk image": "VHDX 磁盘镜像",
  "a VHD disk image": "VHD 磁盘镜像",
  "a VDI disk image": "VDI 磁盘镜像",
  "a QED disk image": "QED 磁盘镜像",
  "a Parallels disk image": "Parallels 磁盘镜像",
  "a LUKS encrypted volume": "LUKS 加密卷",
  "a gzip archive": "gzip 压缩文件",
  "an xz archive": "xz 压缩文件",
  "a zstd archive": "zstd 压缩文件",
  "a bzip2 archive": "bzip2 压缩文件",
  "an lz4 archive": "lz4 压缩文件",
  "an lzip archive": "lzip 压缩文件",
  "a zip archive": "zip 归档",
  "an empty zip archive": "空的 zip 归档",
  "a zip archive in several parts": "分卷 zip 归档",
  "a 7z archive": "7z 归档",
  "a RAR archive": "RAR 归档",
  "a cabinet archive": "CAB 归档",
  "a WIM archive of Windows files": "Windows 的 WIM 归档",
  "a cpio archive": "cpio 归档",
  "an ar archive or Debian package": "ar 归档或 Debian 软件包",
  "an RPM package": "RPM 软件包",
  "a squashfs file system": "squashfs 文件系统",
  "a Proxmox backup (VMA)": "Proxmox 备份（VMA）",
  "a macOS disk image (DMG)": "macOS 磁盘映像（DMG）",
  "an encrypted macOS disk image (DMG)": "加密的 macOS 磁盘映像（DMG）",
  "a sparse image of Android": "Android 稀疏镜像",
  "a tar archive": "tar 归档",
  "a PDF document": "PDF 文档",
  "a program": "可执行程序",
  "a script": "脚本",
  "an OVA appliance": "OVA 虚拟设备",
  "a web page": "网页",
  "The file is empty": "文件为空",
  "The file is an ISO image": "该文件是 ISO 镜像",
  "The file begins like no disk image that is known here": "文件开头不像任何已知的磁盘镜像",
  "The file has no ISO 9660 volume descriptor in its sector 16": "不是 ISO 镜像：第 16 扇区没有 ISO 9660 卷描述符",
  "The VHDX's log holds changes that were not written to its disk yet": "VHDX 的日志中有尚未写入磁盘的更改",
  // Remedies
  "Shut the machine down that uses it; or have the log written to a copy of it with `qemu-img check -r all`, and upload that.":
    "请关闭使用它的虚拟机；或用 `qemu-img check -r all` 将日志写入其副本，再上传该副本。",
  "If it is a raw disk without a boot sector, begin the image with the format raw.":
    "如果它是没有引导扇区的 raw 磁盘，请将格式指定为 raw。",
  "Upload it as a medium; if it should be a disk, begin the image with the format raw.":
    "请作为光盘上传；如果它应当作磁盘，请将格式指定为 raw。",
  "It holds files and no disk: install Windows from its ISO image, and make an image of that disk.":
    "它只含文件，没有磁盘：请用 ISO 镜像安装 Windows，再用该磁盘制作镜像。",
  "Unpack it with `tar -xf`, and upload the disk in it (a .vmdk file).":
    "请用 `tar -xf` 解包，并上传其中的磁盘（.vmdk 文件）。",
  "Upload an ISO image whose first sectors hold boot code or nothing.":
    "请上传前几个扇区只含引导代码或为空的 ISO 镜像。",
  "Unpack it with gunzip and upload what is inside.": "请用 gunzip 解包，并上传其中的文件。",
  "Unpack it with unxz and upload what is inside.": "请用 unxz 解包，并上传其中的文件。",
  "Unpack it with unzstd and upload what is inside.": "请用 unzstd 解包，并上传其中的文件。",
  "Unpack it with bunzip2 and upload what is inside.": "请用 bunzip2 解包，并上传其中的文件。",
  "Unpack it with unlz4 and upload what is inside.": "请用 unlz4 解包，并上传其中的文件。",
  "Unpack it with lzip -d and upload what is inside.": "请用 lzip -d 解包，并上传其中的文件。",
  "Unpack it with unzip and upload what is inside.": "请用 unzip 解包，并上传其中的文件。",
  "Unpack it with 7z x and upload what is inside.": "请用 7z x 解包，并上传其中的文件。",
  "Unpack it with unrar x and upload what is inside.": "请用 unrar x 解包，并上传其中的文件。",
  "Unpack it with cabextract and upload what is inside.": "请用 cabextract 解包，并上传其中的文件。",
  "Unpack it with cpio -i and upload what is inside.": "请用 cpio -i 解包，并上传其中的文件。",
  "Unpack it with unsquashfs and upload what is inside.": "请用 unsquashfs 解包，并上传其中的文件。",
  "Unpack it with vma extract and upload what is inside.": "请用 vma extract 解包，并上传其中的文件。",
  "Unpack it with simg2img and upload what is inside.": "请用 simg2img 解包，并上传其中的文件。",
  "Unpack it with tar -xf and upload what is inside.": "请用 tar -xf 解包，并上传其中的文件。",
  "Convert it with `qemu-img convert -f vmdk -O qcow2` and upload the result.":
    "请用 `qemu-img convert -f vmdk -O qcow2` 转换后上传。",
  "Convert it with `qemu-img convert -f qed -O qcow2` and upload the result.":
    "请用 `qemu-img convert -f qed -O qcow2` 转换后上传。",
  "Convert it with `qemu-img convert -f parallels -O qcow2` and upload the result.":
    "请用 `qemu-img convert -f parallels -O qcow2` 转换后上传。",
  "Convert it with `qemu-img convert -f dmg -O qcow2` and upload the result.":
    "请用 `qemu-img convert -f dmg -O qcow2` 转换后上传。",
} as const;

export const fileKindPatterns = {
  "The file is {what}, which is not taken as a disk image": "该文件是{what}，不能作为磁盘镜像",
  "The file is {what}, not an ISO 9660 image": "该文件是{what}，不是 ISO 镜像",
  "The file is an ISO 9660 image and {what} at the same time": "该文件既是 ISO 镜像，又是{what}",
  "The file has only {count} bytes, less than the smallest ISO 9660 image":
    "不是 ISO 镜像：文件只有 {count} 字节，小于最小的 ISO 镜像",
  "The file does not begin as a {format} disk image does": "文件开头不是 {format} 磁盘镜像",
  "The file is {what}, and was said to be {format}": "该文件是{what}，但被指定为 {format}",
  "Begin the image with the format {format}, or without one.": "请将格式指定为 {format}，或不指定格式。",
} as const;
