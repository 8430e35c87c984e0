// Scores and rules as `$feed-quality` and `$feed-quality-rules` say them (src/kangyun/oversight/feed_quality/README.md).
import { answered } from "~/fhir/parameters";

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

export function scoresOf(said: fhir4.Parameters): Scores {
  const told = answered(said);
  return {
    overall: told.text("overall"), edition: told.text("edition"),
    lines: told.all("line").map((one) => ({
      report: one.text("report"), institution: one.text("institution"), feed: one.text("feed"), table: one.text("table"), title: one.text("title"),
      rows: one.number("rows") ?? 0, score: one.text("score"), grade: one.text("grade"), completeness: one.text("completeness"),
      validity: one.text("validity"), timeliness: one.text("timeliness"), consistency: one.text("consistency"), linkage: one.text("linkage"),
      appealed: one.values<string>("appealed"),
    })),
  };
}

export function rulesOf(said: fhir4.Parameters): Rules {
  const told = answered(said);
  return {
    edition: told.text("edition"),
    weights: told.all("weight").map((one) => ({ dimension: one.text("dimension"), parts: one.text("parts") })),
    grades: told.all("grade").map((one) => ({ name: one.text("name"), least: one.text("least") })),
    tables: told.all("table").map((one) => ({ table: one.text("table"), fields: one.values<string>("field") })),
  };
}
