/** People and their tokens. English is the key. */
export const peopleTexts = {
  "At least 10 characters": "至少 10 个字符",
  "Create a token": "创建令牌",
  "Create one to use the REST API from a script.": "创建一个令牌，即可在脚本中使用 REST API。",
  "Create the administrator": "创建管理员",
  "Create the token": "创建令牌",
  days: "天",
  "Every script that uses it is refused from now on. It cannot be brought back.":
    "所有使用它的脚本都将立即被拒绝，且无法恢复。",
  "everything you may": "与你相同的权限",
  "everything you may do": "你有权做的一切",
  Expires: "过期",
  "For scripts: sent as “Authorization: Bearer …” to the REST API. Only a hash of each is kept.":
    "供脚本使用：以“Authorization: Bearer …”发送给 REST API。系统只保存其散列值。",
  "Good for": "有效期",
  "It may do": "允许的操作",
  "Last used": "最近使用",
  "Log in": "登录",
  May: "权限",
  "No tokens yet": "还没有令牌",
  "only this:": "仅限：",
  "Password, once more": "再次输入密码",
  Revoke: "撤销",
  "Revoke the token": "撤销令牌",
  "Revoke the token “{name}”?": "撤销令牌“{name}”？",
  "Small letters, digits and . _ -": "小写字母、数字和 . _ -",
  "The token was revoked": "令牌已撤销",
  "The token “{name}” is shown once. Copy it now.": "令牌“{name}”只显示一次，请立即复制。",
  "The two passwords differ": "两次输入的密码不一致",
  "This zone has no people yet. Create its administrator; then add a cell, get an image and create your first instance.":
    "此区域还没有用户。请创建管理员；然后添加节点、获取镜像并创建第一个云主机。",
  "to the zone “{zone}”": "区域“{zone}”",
  "This zone has no people yet. Its administrator is created with a one-time link.":
    "此区域还没有用户。管理员需通过一次性链接创建。",
  "“./nanoctl up” printed the link. Where Nano was started, this prints a new one:":
    "“./nanoctl up” 已输出该链接。在启动 Nano 的机器上，此命令会输出新的链接：",
  "Welcome to Nano": "欢迎使用 Nano",
  "Welcome, {name}": "欢迎，{name}",
  "What will use it, like “deploy script”": "用途，例如“部署脚本”",
  "Your tokens": "我的令牌",
  "{count} {count|permission|permissions}": "{count} 项权限",
} as const;
