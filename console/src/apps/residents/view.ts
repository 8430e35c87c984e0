// What the platform answers of a resident: the shapes of `kangyun.access.view.model`, in which what is empty is left out.
import type { Client } from "~/fhir/client";

export interface Entry {
  what: string; detail?: string; states?: string[]; when?: string; since?: string; until?: string; times?: number;
  house?: number; ref?: string;
}
export interface Registration { id: string; house: number; name: string; numbers?: [string, string][]; updated?: string }
export interface Person {
  id: string; name: string; sex?: string; born?: string; masked?: boolean; numbers?: [string, string][]; phones?: string[];
  addresses?: string[]; marital?: string; nation?: string; work?: string; died?: string;
  contacts?: [string, string, string][]; insured?: string[];
}
export interface Mark { kind: string; code: string; what?: string; since?: string }
export interface ServiceEvent { kind: string; count: number; last?: string; house?: number }
export interface First {
  person: Person; registrations: Registration[]; marks: Mark[]; events: ServiceEvent[]; latest: Entry[]; allergies: Entry[];
  alerts: Entry[]; problems: Entry[]; medications: Entry[]; houses: string[]; counts: Record<string, number>;
  hidden: { count?: number; closed?: boolean; ways?: string[] }; way?: string; more?: string[];
}
/** Begin, end, kind, place of the institution, department, what for, id. */
export type Visit = [string, string, string, number, string, string, string];
export interface Timeline { visits: Visit[]; houses: string[] }
export interface Band { house: number; low?: number; high?: number; said?: string }
export interface Test {
  code: string; what: string; kind: string; unit?: string; points?: [string, number, number, string, string?][];
  said?: [string, string, number][]; bands?: Band[];
}
export interface Tests { tests: Test[]; houses: string[]; more: boolean }
export interface Lines { entries: Entry[]; houses: string[]; more: boolean }
export interface Row {
  id: string; name: string; sex?: string; born?: string; number?: string; phone?: string; where?: string[];
  registrations?: number; last?: string; kind?: string; what?: string;
}
export interface Found { residents: Row[]; next: string; lately: boolean; own: boolean }

export const first = (client: Client, id: string): Promise<First> => client.get<First>(`Patient/${id}/$view`);
export const part = <T>(client: Client, id: string, name: string): Promise<T> => client.get<T>(`Patient/${id}/$view`, { part: name });

/** The name of an institution; empty where it is not known. */
export const houseOf = (houses: string[], place: number | undefined): string => houses[place ?? -1] ?? "";
