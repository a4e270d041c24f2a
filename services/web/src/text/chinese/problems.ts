/** What a field wants, in the contract's words; the last of these match anything that begins like them. */
export const problemTexts = {
  "Choose true or false": "请选择是或否",
  "Enter a number": "请输入数字",
  "Enter a text": "请输入文本",
  "Enter a whole number": "请输入整数",
  "Give a list": "请给出列表",
  "Give an object": "请给出对象",
  "There is no such field": "没有这个字段",
  "This does not fit": "不符合要求",
  "Use letters, digits and '-', at most 63, not starting or ending with '-'":
    "请使用字母、数字和“-”，最多 63 个字符，不能以“-”开头或结尾",
  "Use letters, digits and '-', at most 59, not starting or ending with '-'":
    "请使用字母、数字和“-”，最多 59 个字符，不能以“-”开头或结尾",
  "Use 1 to 128 printable characters": "请输入 1 至 128 个可见字符",
  "Use free text, at most 1,024 characters": "请输入最多 1,024 个字符",
  "Use 10 to 256 characters": "请输入 10 至 256 个字符",
  "Use a pool's name: lower-case letters, digits and '-'. It is the pool's identity and does not change":
    "请使用小写字母、数字和“-”。名称是资源池的标识，之后不能更改",
  "This is a private key, which stays with its owner. Give the public one, from the file that ends in .pub":
    "这是私钥，只应由其所有者保管。请提供 .pub 文件中的公钥",
  "This is PuTTY's format. Copy the line for OpenSSH from PuTTYgen, or convert it with ssh-keygen -i":
    "这是 PuTTY 格式。请从 PuTTYgen 复制 OpenSSH 格式的一行，或用 ssh-keygen -i 转换",
  "There is no key behind its type. Was it cut off?": "类型后面没有密钥，是否被截断？",
  "The key is not whole. Was it cut off, or broken into lines?": "密钥不完整，是否被截断或换行？",
  "Give a YAML mapping": "请提供 YAML 映射",
  "Give a YAML sequence": "请提供 YAML 列表",
  "Use SHA-256, lower-case hexadecimal": "请输入 SHA-256（小写十六进制）",
} as const;

export const problemPatterns = {
  "This is missing. {rest}": "此项必填。{rest}",
  "Choose one of {words}": "请选择：{words}",
  "Enter a whole number, {minimum} to {maximum}": "请输入 {minimum} 至 {maximum} 的整数",
  "Enter {minimum} to {maximum} characters": "请输入 {minimum} 至 {maximum} 个字符",
  "Enter {minimum} to {maximum}": "请输入 {minimum} 至 {maximum}",
  "Enter {minimum} or more": "请输入 {minimum} 或更大的值",
  "Give a list of at most {count}": "最多 {count} 项",
  "The key type {type} is not supported. Use one of {list}": "不支持密钥类型 {type}。请使用：{list}",
  "A key begins with its type. Use one of {list}": "公钥以类型开头。请使用：{list}",
  "This says {type}, but the key behind it is of the type {inner}": "这里写的是 {type}，但密钥本身的类型是 {inner}",
  "cloud-init would ignore this. Begin with one of {list}, or give a multipart archive":
    "cloud-init 会忽略此内容。请以下列之一开头：{list}，或提供 multipart 归档",
  "There is a tab in line {line}, where cloud-init takes only spaces": "第 {line} 行有制表符，cloud-init 只接受空格",
  "This is not well-formed YAML: {why}": "不是格式正确的 YAML：{why}",
  "Give at most {count} keys": "最多 {count} 个密钥",
  "Give keys of at most {count} characters": "每个密钥最多 {count} 个字符",
} as const;
