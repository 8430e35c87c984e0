// How a measured value, its unit and what counts as normal are written. Nothing is calculated: marks are the laboratory's.
import type { Band, Test } from "./view";

// UCUM writes some units as nobody reads them.
const UNITS: Record<string, string> = {
  "mm[Hg]": "mmHg", "10*9/L": "10⁹/L", "10*12/L": "10¹²/L", "/min": "次/分", "Cel": "℃", "kg/m2": "kg/m²", "umol/L": "μmol/L",
  "{score}": "", "{steps}": "步", "1": "",
};

export const unitSaid = (unit: string | undefined): string => UNITS[unit ?? ""] ?? unit ?? "";

export interface Newest { when: string; value: string | number; house: number; flag: string }

export function newest(test: Test): Newest {
  const [point, said] = [test.points?.[0], test.said?.[0]];
  if (point && (!said || point[0] >= said[0])) return { when: point[0], value: point[1], house: point[2], flag: point[3] };
  return said ? { when: said[0], value: said[1], house: said[2], flag: "" } : { when: "", value: "", house: -1, flag: "" };
}

export function bandSaid(band: Band | undefined): string {
  if (!band) return "";
  if (band.low !== undefined && band.high !== undefined) return `${band.low}–${band.high}`;
  if (band.high !== undefined) return `≤ ${band.high}`;
  return band.low !== undefined ? `≥ ${band.low}` : band.said ?? "";
}
