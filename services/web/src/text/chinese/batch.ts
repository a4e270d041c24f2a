/** Many instances at once. */
export const batchTexts = {
  "Create {count} instances": "创建 {count} 台云主机",
  "How many": "数量",
  "More than one are named after it with a number: web-1, web-2, …": "多于一台时以该名称加序号命名：web-1、web-2……",
  Result: "结果",
  "{count} {count|task|tasks} started. Left out: {left}": "已开始 {count} 个任务。未包含：{left}",
  started: "已开始",
} as const;
