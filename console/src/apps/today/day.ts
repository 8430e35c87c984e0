// A doctor's day as the platform tells it.
import { answered, type Parts } from "~/fhir/parameters";

export interface OpenAlarm { number: number; level: string; rule: string; since: string }
export interface Discharge { since: string; until: string; institution: string; why: string }
export interface Value { what: string; value: string; side: string; range: string; at: string }
export interface Resident {
  id: string;
  name: string;
  gender: string;
  born: string;
  until: string;
  alarms: OpenAlarm[];
  discharges: Discharge[];
  values: Value[];
}
export interface Day { since: string; residents: Resident[] }

export function dayOf(told: fhir4.Parameters): Day {
  const day = answered(told);
  return { since: day.text("since"), residents: day.all("resident").map(residentOf) };
}

function residentOf(one: Parts): Resident {
  return {
    id: one.text("patient").replace("Patient/", ""), name: one.text("name"), gender: one.text("gender"), born: one.text("born"),
    until: one.text("until"),
    alarms: one.all("alarm").map((each) => ({ number: each.number("number") ?? 0, level: each.text("level"), rule: each.text("rule"), since: each.text("since") })),
    discharges: one.all("discharge").map((each) => ({ since: each.text("since"), until: each.text("until"), institution: each.text("institution"), why: each.text("why") })),
    values: one.all("value").map((each) => ({ what: each.text("what"), value: each.text("value"), side: each.text("side"), range: each.text("range"), at: each.text("at") })),
  };
}

export type Kind = "all" | "alarm" | "discharge" | "value";

export const isOf = (one: Resident, kind: Kind): boolean =>
  kind === "all" || (kind === "alarm" ? one.alarms : kind === "discharge" ? one.discharges : one.values).length > 0;

/** Whether a name that is shown masked (王*国) may hold what was typed of it: a star stands for any one character. */
export const isNamed = (shown: string, typed: string): boolean => {
  const masked = [...shown];
  const wanted = [...typed];
  return masked.some((_, at) => at + wanted.length <= masked.length && wanted.every((one, next) => masked[at + next] === "*" || masked[at + next] === one)) || typed === "";
};
