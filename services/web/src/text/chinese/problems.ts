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
} as const;
