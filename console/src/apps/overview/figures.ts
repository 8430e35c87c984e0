// What the platform answers to $overview, and how a figure is written. What a figure means comes with it.
import { useQuery, type UseQueryResult } from "@tanstack/react-query";
import type { TFunction } from "i18next";
import { useClient } from "~/fhir/context";
import { language } from "~/ui/language";
import { dayOf, minuteOf } from "~/ui/time";

export interface Figure {
  id: string;
  title: string;
  unit: string;
  kind: "exact" | "kept" | "estimate";
  standard: string;
  formula: string;
  source: string;
  empty: string;
  level: "good" | "fair" | "poor" | null;
  value: number | string | null;
  of?: number | null;
  part?: number | null;
  at?: string | null;
  parts?: Record<string, number | boolean | null>;
}

export interface Day {
  day: string;
  tables: number;
  declared: number;
  expected: number | null;
  received: number | null;
  stored: number | null;
  refused: number | null;
}

export interface Overview {
  instant: string;
  day: string;
  edition: string;
  scope: "region" | "institution";
  institution: { reference: string; name: string } | null;
  figures: Figure[];
  days: Day[];
}

const EVERY = 60_000; // milliseconds

/** The figures, renewed each minute, also where nobody touches the page; what was there last stays when a try fails. */
export function useOverview(): UseQueryResult<Overview> {
  const client = useClient();
  return useQuery({
    queryKey: ["overview", language()],
    queryFn: () => client.get<Overview>("$overview", {}),
    refetchInterval: EVERY,
    refetchIntervalInBackground: true,
  });
}

export const counted = (value: number): string => new Intl.NumberFormat("en-US").format(value);

/** The number itself, without its unit; a dash where there is none. */
export function number(figure: Figure): string {
  if (figure.value === null) return "—";
  if (typeof figure.value === "string") return dayOf(figure.value);
  return figure.unit === "%" ? figure.value.toFixed(2) : counted(figure.value);
}

/** What stands below the number: of how many, its parts; what to do where there is none. */
export function below(figure: Figure, t: TFunction): string {
  if (figure.value === null) return figure.empty;
  const numbers = Object.entries({ of: figure.of, part: figure.part, ...figure.parts }).map(([name, value]) => [
    name, typeof value === "number" ? counted(value) : value,
  ]);
  const said = Object.fromEntries(numbers) as Record<string, unknown>;
  if (figure.id === "drill") {
    const result = t(figure.parts?.passed ? "passed" : "failed");
    return t(figure.parts?.rpo === null ? "below.drill-alone" : "below.drill", { ...said, result });
  }
  if (figure.parts?.back_fill) return t("below.timeliness", { ...said, at: figure.at ? minuteOf(figure.at) : "" });
  if (figure.unit === "%") return figure.at ? t("below.share-at", { ...said, at: minuteOf(figure.at) }) : t("below.share", said);
  if (figure.of === null || (figure.id === "records" && !figure.parts)) return "";
  return t(`below.${figure.id}`, said);
}
