// Scores and rules as `$feed-quality` and `$feed-quality-rules` say them (src/kangyun/oversight/feed_quality/README.md).

export const DIMENSIONS = ["completeness", "validity", "timeliness", "consistency", "linkage"] as const;
export type Dimension = (typeof DIMENSIONS)[number];

export interface Line extends Record<Dimension, string> {
  report: string;
  institution: string;
  feed: string;
  table: string;
  title: string;
  rows: number;
  score: string;
  grade: string;
  appealed: string[];
}

export interface Scores {
  overall: string;
  edition: string;
  lines: Line[];
}

export interface Rules {
  edition: string;
  weights: { dimension: string; parts: string }[];
  grades: { name: string; least: string }[];
  tables: { table: string; fields: string[] }[];
}

type Part = fhir4.ParametersParameter;

const text = (parts: Part[] | undefined, name: string): string => {
  const found = parts?.find((one) => one.name === name);
  return found?.valueString ?? found?.valueCode ?? found?.valueReference?.reference ?? "";
};

export function scoresOf(said: fhir4.Parameters): Scores {
  const all = said.parameter ?? [];
  return {
    overall: text(all, "overall"), edition: text(all, "edition"),
    lines: all.filter((one) => one.name === "line").map(({ part }) => ({
      report: text(part, "report"), institution: text(part, "institution"), feed: text(part, "feed"), table: text(part, "table"), title: text(part, "title"),
      rows: part?.find((one) => one.name === "rows")?.valueInteger ?? 0, score: text(part, "score"), grade: text(part, "grade"),
      completeness: text(part, "completeness"), validity: text(part, "validity"), timeliness: text(part, "timeliness"),
      consistency: text(part, "consistency"), linkage: text(part, "linkage"),
      appealed: (part ?? []).filter((one) => one.name === "appealed").map((one) => one.valueString ?? one.valueCode ?? ""),
    })),
  };
}

export function rulesOf(said: fhir4.Parameters): Rules {
  const all = said.parameter ?? [];
  const named = (name: string) => all.filter((one) => one.name === name).map((one) => one.part);
  return {
    edition: text(all, "edition"),
    weights: named("weight").map((part) => ({ dimension: text(part, "dimension"), parts: text(part, "parts") })),
    grades: named("grade").map((part) => ({ name: text(part, "name"), least: text(part, "least") })),
    tables: named("table").map((part) => ({
      table: text(part, "table"), fields: (part ?? []).filter((one) => one.name === "field").map((one) => one.valueString ?? ""),
    })),
  };
}
