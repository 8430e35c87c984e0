// An alarm as the platform tells it, in its list and by its websocket: one form for both.
import type { Parts } from "~/fhir/parameters";

export type Level = "red" | "amber" | "yellow";
export type State = "raised" | "escalated" | "acknowledged" | "closed";

export interface Alarm {
  id: number;
  version: number;
  level: Level;
  state: State;
  rule: string;
  text: string;
  /** Masked until the alarm is opened. */
  name: string;
  patient: string;
  place: string;
  count: number;
  quiet: boolean;
  newest: string;
  raised: string;
  acknowledged: string;
  closed: string;
  outcome: string;
  owner: string;
  desk: string;
  /** What the clock does next, to whom, and when. */
  next: string;
  whom: string;
  due: string;
}

type Told = Record<string, string | number | boolean | undefined>;
const PLACE: Record<Level, number> = { red: 0, amber: 1, yellow: 2 };

export function alarmOf(told: Told): Alarm {
  const text = (name: string) => String(told[name] ?? "");
  return {
    id: Number(told.id), version: Number(told.version), level: text("level") as Level, state: text("state") as State,
    rule: text("rule"), text: text("text"), name: text("name"), patient: text("patient"), place: text("place"),
    count: Number(told.count ?? 1), quiet: told.quiet === true, newest: text("newest"), raised: text("raised"),
    acknowledged: text("acknowledged"), closed: text("closed"), outcome: text("outcome"),
    owner: text("owner-name") || text("owner"), desk: text("desk-name") || text("desk"), next: text("next"),
    whom: text("whom"), due: text("due"),
  };
}

const NAMES = [
  "level", "state", "rule", "text", "name", "patient", "place", "newest", "raised", "acknowledged", "closed", "outcome",
  "owner", "owner-name", "desk", "desk-name", "next", "whom", "due",
];

export function alarmOfParts(parts: Parts): Alarm {
  const told: Told = { id: parts.number("id") ?? 0, version: parts.number("version") ?? 0 };
  for (const name of NAMES) told[name] = parts.text(name);
  return alarmOf({ ...told, count: parts.number("count") ?? 1, quiet: parts.yes("quiet") });
}

/** The gravest first; of a level what needs somebody soonest, and what is in hand or was long ago last. */
export function inOrder(alarms: Iterable<Alarm>): Alarm[] {
  return [...alarms].sort(
    (one, other) =>
      PLACE[one.level] - PLACE[other.level] ||
      Number(one.quiet) - Number(other.quiet) ||
      Number(one.state === "acknowledged") - Number(other.state === "acknowledged") ||
      (one.due || "9").localeCompare(other.due || "9") ||
      other.id - one.id,
  );
}
