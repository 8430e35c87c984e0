// What a resident can write down: the questions of each kind, one a page, and the line that the server reads.
// Which values are unusual, and what follows, is the server's business.

export interface Kind {
  name: "pressure" | "glucose" | "weight" | "temperature" | "oxygen";
  /** LOINC codes under which it stands in the record. */
  codes: string[];
  questions: { name: string; unit: string; optional?: boolean }[];
  /** A last question with a few answers: what is said to the server for each. */
  choice?: { name: string; answers: Record<string, string> };
  line: (answers: string[], choice: string) => string;
}

export const KINDS: Kind[] = [
  {
    name: "pressure",
    codes: ["85354-9"],
    questions: [{ name: "upper", unit: "mmHg" }, { name: "lower", unit: "mmHg" }, { name: "pulse", unit: "", optional: true }],
    line: ([upper = "", lower = "", pulse = ""]) => `${upper}/${lower} ${pulse}`.trim(),
  },
  {
    name: "glucose",
    codes: ["15074-8", "14771-0", "1558-6"],
    questions: [{ name: "glucose", unit: "mmol/L" }],
    choice: { name: "meal", answers: { fasting: "空腹", before: "餐前", after: "餐后", bedtime: "睡前" } },
    line: ([value = ""], meal) => `血糖 ${value} ${meal}`.trim(),
  },
  {
    name: "weight",
    codes: ["29463-7"],
    questions: [{ name: "weight", unit: "" }],
    choice: { name: "scale", answers: { kg: "公斤", jin: "斤" } },
    line: ([value = ""], unit) => `体重 ${value}${unit}`,
  },
  { name: "temperature", codes: ["8310-5"], questions: [{ name: "temperature", unit: "℃" }], line: ([value = ""]) => `体温 ${value}` },
  { name: "oxygen", codes: ["59408-5", "2708-6"], questions: [{ name: "oxygen", unit: "%" }], line: ([value = ""]) => `血氧 ${value}` },
];
