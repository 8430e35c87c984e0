// What the platform says of feeds (docs/feeds.md), as screens use it.
import { useHere } from "~/app/session";

/** The day of rows that say none. */
export const NO_DAY = "0001-01-01";

export type State = "applied" | "testing" | "trial" | "live" | "paused";
export const STATES: State[] = ["applied", "testing", "trial", "live", "paused"];

export interface Feed {
  name: string;
  institution: string;
  title: string;
  state: State;
  since: string;
  waits: "" | "centre" | "institution";
  waits_for: string;
  waits_since: string | null;
  why: string;
  agreement: string;
  agreed: string | null;
  client: string;
  certificate_ends: string | null;
  dialect: string;
  rate: number;
  next: number;
  waiting: number;
  waiting_since: string | null;
  parked: number;
  stopped: number;
  last: string | null;
  rows: number;
  aside: number;
  hour: number;
}

export interface Sheet {
  name: string;
  title: string;
  columns: string[];
  keys: string[];
  day: string;
  stopped: string | null;
  why: string;
}

export interface Delivery {
  number: number;
  received: string;
  source: string;
  trial: boolean;
  size: number;
  fate: "kept" | "taken" | "tried" | "failed";
  rows: number;
  stored: number;
  unchanged: number;
  aside: number;
  left_out: number;
  kept: boolean;
  table: string | null;
  title: string | null;
  why: string;
}

export interface Refusal {
  delivery: number;
  row: number | null;
  part: string;
  shown: string;
  whole: boolean;
  table: string | null;
  day: string | null;
  received: string;
  answered: number | null;
  why: string;
}

export interface Refusals {
  total: number;
  rows: Refusal[];
}

export interface Line {
  table: string;
  title: string;
  day: string;
  declared: number | null;
  received: number;
  stored: number;
  revoked: number;
  refused: number;
  differs: boolean;
  sums: Record<string, { declared: number | null; received: number; stored: number }>;
}

export interface Asked {
  id: number;
  what: "serials" | "resend";
  table: string;
  day: string;
  at: string;
  answered: string | null;
  missing: number | null;
  surplus: number | null;
}

/** What people of the platform may do that an institution's may not. The server decides; a button that it refuses is not shown. */
const OF_INSTITUTIONS = ["registrar", "interface-officer"];

export function useIsCentre(): boolean {
  return !OF_INSTITUTIONS.includes(useHere().who.role);
}

export const pathOf = (feed: string, rest = ""): string => `/feeds/${encodeURIComponent(feed)}${rest}`;

/** Of a month, 2026-11: its name, the days in it, and on which day of the week (Monday 0) it begins. */
export function monthOf(name: string): { days: string[]; offset: number } {
  const [year = 1970, month = 1] = name.split("-").map(Number);
  const count = new Date(Date.UTC(year, month, 0)).getUTCDate();
  const offset = (new Date(Date.UTC(year, month - 1, 1)).getUTCDay() + 6) % 7;
  return { days: Array.from({ length: count }, (_, nth) => `${name}-${String(nth + 1).padStart(2, "0")}`), offset };
}

export function otherMonth(name: string, by: number): string {
  const [year = 1970, month = 1] = name.split("-").map(Number);
  return new Date(Date.UTC(year, month - 1 + by, 1)).toISOString().slice(0, 7);
}
