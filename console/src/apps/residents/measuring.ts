// How a measured value, its unit and what counts as normal are written. Nothing is calculated: marks are the laboratory's.
import { unitSaid as unitIn } from "~/fhir/results";
import { language } from "~/ui/language";
import type { Band, Test } from "./view";

export const unitSaid = (unit: string | undefined): string => unitIn(unit ?? "", language());

export interface Newest { when: string; value: string | number; house: number; flag: string }

type Point = NonNullable<Test["points"]>[number];

/** `<0.5` of what was below what the method can measure: a bound is no value. */
export const valueSaid = ([, value, , , bound]: Point): string | number => (bound ? `${bound}${value}` : value);

export function newest(test: Test): Newest {
  const [point, said] = [test.points?.[0], test.said?.[0]];
  if (point && (!said || point[0] >= said[0])) return { when: point[0], value: valueSaid(point), house: point[2], flag: point[3] };
  return said ? { when: said[0], value: said[1], house: said[2], flag: "" } : { when: "", value: "", house: -1, flag: "" };
}

export function bandSaid(band: Band | undefined): string {
  if (!band) return "";
  if (band.low !== undefined && band.high !== undefined) return `${band.low}–${band.high}`;
  if (band.high !== undefined) return `≤ ${band.high}`;
  return band.low !== undefined ? `≥ ${band.low}` : band.said ?? "";
}

/** What a laboratory marked: an arrow and a word. */
export function flagSaid(flag: string, t: (key: string, options: { defaultValue: string }) => string): string {
  return flag && flag !== "N" ? t(`tests.flags.${flag}`, { defaultValue: flag }) : "";
}
