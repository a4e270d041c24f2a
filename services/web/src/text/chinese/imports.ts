/** Files that the image service fetches itself: the portal's own texts. */
export const importTexts = {
  Becomes: "成为",
  "Copied to {directory} on the image service's machine": "已复制到镜像服务所在主机的 {directory}",
  "Copy files there, and look again: those with the extensions {extensions} are taken.":
    "请将文件复制到该目录后再次查看：会收取扩展名为 {extensions} 的文件。",
  "Files of the server's directory": "服务器目录中的文件",
  "From a URL": "从网址导入",
  "From the server's directory": "从服务器目录收取",
  "Import from a URL": "从网址导入",
  Import: "导入",
  Source: "来源",
  "Refused if the file's checksum differs.": "文件的校验和不符时将拒绝导入。",
  "The image service fetches the file itself, verifies it, and goes on where a connection broke.":
    "镜像服务会自行获取并校验文件，连接中断后从断点继续。",
  "There is nothing": "没有文件",
  "This record": "此记录",
  "https, or http together with the SHA-256; at a public address": "https，或同时给出 SHA-256 的 http；须为公网地址",
  "the server's directory": "服务器目录",
  "{name} is being fetched": "正在获取 {name}",
} as const;
