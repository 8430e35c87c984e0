// What the desk asks of the platform: questions, the persons that they are about, and acts. Rules stay there.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { useClient } from "~/fhir/context";
import { answered, parameters, type Parts } from "~/fhir/parameters";
import { entries } from "~/fhir/reading";

export const PAGE = 50;

/** How one thing that was compared came out. bits: what it adds; below zero it speaks against. */
export interface Step {
  what: string;
  level: string;
  bits: number;
}

export interface Question {
  id: number;
  opened: string;
  kind: string;
  patient: string;
  resident: string;
  why: string[];
  steps: Step[];
  /** What an institution or the resident said, in his own words. */
  words: string;
}

export interface Decision {
  id: number;
  at: string;
  kind: string;
  patient: string;
  resident: string;
  actor: string;
  words: string;
  steps: Step[];
}

export interface Linked {
  resident: string;
  registrations: string[];
  decisions: Decision[];
}

export type Act = { path: string; given: Record<string, string | number | boolean | undefined> };

interface Evidence {
  reason?: string;
  said?: { reason?: string };
  steps?: [string, string, number][];
  evidence?: { steps?: [string, string, number][] } | null;
}

export function useQuestions(kind: string) {
  const client = useClient();
  return useInfiniteQuery({
    queryKey: ["identity", "questions", kind],
    initialPageParam: 0,
    queryFn: async ({ pageParam }) => {
      const said = answered(await client.get<fhir4.Parameters>("$link-questions", { _count: PAGE, _after: pageParam, kind, counts: true }));
      const questions = said.all("question").map(questionOf);
      return { questions, kinds: said.all("of-kind").map((one) => ({ kind: one.text("kind"), count: one.number("count") ?? 0 })), persons: await persons(questions) };
    },
    getNextPageParam: (last) => (last.questions.length === PAGE ? last.questions.at(-1)?.id : undefined),
  });

  async function persons(questions: Question[]): Promise<fhir4.Patient[]> {
    const ids = [...new Set(questions.flatMap((one) => [one.patient, one.resident]).filter(Boolean).map(idOf))];
    if (ids.length === 0) return [];
    return entries<fhir4.Patient>(await client.get<fhir4.Bundle>("Patient", { _id: ids.join(","), _count: 2 * PAGE }));
  }
}

/** Registrations, or a resident put together of them, as the platform shows them. */
export function usePersons(references: string[]) {
  const client = useClient();
  return useQuery({
    queryKey: ["identity", "persons", references],
    enabled: references.length > 0,
    queryFn: () => Promise.all(references.map((one) => client.get<fhir4.Patient>(one))),
  });
}

export function useLinked(reference: string) {
  const client = useClient();
  return useQuery({
    queryKey: ["identity", "linked", reference],
    enabled: reference !== "",
    queryFn: async (): Promise<Linked> => {
      const said = answered(await client.get<fhir4.Parameters>(`${reference}/$links`));
      return {
        resident: said.text("resident"),
        registrations: said.values<fhir4.Reference>("registration").map((one) => one.reference ?? ""),
        decisions: said.all("decision").map(decisionOf),
      };
    },
  });
}

/** Carries an act out; everything of the desk is asked anew then. */
export function useAct(onDone: () => void) {
  const client = useClient();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ path, given }: Act) => client.post<fhir4.Parameters>(path, parameters(given)),
    onSuccess: async () => {
      onDone();
      await queries.invalidateQueries({ queryKey: ["identity"] });
    },
  });
}

export const idOf = (reference: string): string => reference.replace(/^.*\//, "");

function questionOf(said: Parts): Question {
  const evidence = evidenceOf(said);
  return {
    id: said.number("id") ?? 0, opened: said.text("opened"), kind: said.text("kind"), patient: said.text("patient"),
    resident: said.text("resident"), why: said.values<string>("why"), steps: stepsOf(evidence.evidence?.steps), words: wordsOf(evidence),
  };
}

function decisionOf(said: Parts): Decision {
  const evidence = evidenceOf(said);
  return {
    id: said.number("id") ?? 0, at: said.text("instant"), kind: said.text("kind"), patient: said.text("patient"),
    resident: said.text("resident"), actor: said.text("actor"), words: wordsOf(evidence), steps: stepsOf(evidence.steps),
  };
}

function evidenceOf(said: Parts): Evidence {
  const text = said.text("evidence");
  return text ? (JSON.parse(text) as Evidence) : {};
}

const wordsOf = (evidence: Evidence): string => evidence.reason ?? evidence.said?.reason ?? "";

const stepsOf = (steps: [string, string, number][] | undefined): Step[] =>
  (steps ?? []).map(([what, level, bits]) => ({ what, level, bits }));
