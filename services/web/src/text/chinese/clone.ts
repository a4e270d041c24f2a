/** Cloning instances: the portal's texts. */
export const cloneTexts = {
  "Another instance with its size, settings and disks, on the same cell. To cloud-init it is a new machine.":
    "在同一节点上创建规格、设置和磁盘都相同的另一台云主机；对 cloud-init 而言它是一台新机器。",
  "As its source's": "与源云主机相同",
  Clone: "克隆",
  "Clone it": "克隆",
  "Clone {name}": "克隆 {name}",
  "Clone…": "克隆…",
  "Copied, they depend on nothing; that takes as long as copying takes. Shared, it takes milliseconds and hardly any room: both go on over what is there now.":
    "完整克隆得到独立副本，不依赖任何文件，耗时取决于复制；链接克隆只需数毫秒且几乎不占空间：双方都叠加在现有内容之上继续写入。",
  "Full: copied": "完整：复制",
  "Linked: shared": "链接：共享",
  "It has no cloud-init drive: the clone's guest keeps the host name, machine id, SSH host keys and fixed addresses of its source. Change them inside before both run.":
    "它没有 cloud-init 驱动器：克隆的客户系统会保留源的主机名、机器 ID、SSH 主机密钥和固定地址。请在两者同时运行前在系统内修改。",
  "It has snapshots: a full clone has its disks as they are now, a linked one is not possible.":
    "它有快照：完整克隆只包含磁盘的当前内容，且无法进行链接克隆。",
  "It has a backing file: written anew, all of that would be copied into it.":
    "它叠加在另一个文件之上：重写会把其全部内容复制进来。",
  "Its disks": "磁盘",
  "Start it once it is made": "创建后启动",
  "based on a file that linked clones may share": "基于可能与链接克隆共享的文件",
  "based on a file that no other disk uses now": "基于目前没有其他磁盘使用的文件",
  "shares the file under it with linked clones": "与链接克隆共享底层文件",
  "{name} is being cloned from {source}": "正在从 {source} 克隆 {name}",
} as const;
