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
  /** Where somebody answered it: what, when, who, and why. */
  answer: string;
  answered: string;
  actor: string;
  reason: string;
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
  /** Whether it can be taken back: nothing was decided since. */
  undoable: boolean;
}

export interface Linked {
  resident: string;
  registrations: string[];
  decisions: Decision[];
}

export type Act = { path: string; given: Parameters<typeof parameters>[0] };

interface Evidence {
  reason?: string;
  said?: { reason?: string };
  steps?: [string, string, number][];
  evidence?: { steps?: [string, string, number][] } | null;
}

/** Open questions, the oldest first; or those that were answered, the newest answer first. */
export function useQuestions(kind: string, isAnswered = false) {
  const client = useClient();
  return useInfiniteQuery({
    queryKey: ["identity", "questions", kind, isAnswered],
    initialPageParam: 0,
    queryFn: async ({ pageParam }) => {
      const said = answered(await client.get<fhir4.Parameters>("$link-questions", { _count: PAGE, _after: pageParam, kind, counts: !isAnswered, answered: isAnswered }));
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

export interface Preview {
  /** The resident as he would be. */
  person: fhir4.Patient | undefined;
  /** What speaks against it, in words. */
  against: string[];
}

export const merging = (source: string, target: string): Act["given"] => ({
  "source-patient": { valueReference: { reference: `Patient/${source}` } }, "target-patient": { valueReference: { reference: `Patient/${target}` } },
});

/** What would come of merging the residents of two registrations; nothing is changed by asking. */
export function usePreview(source: string, target: string) {
  const client = useClient();
  return useQuery({
    queryKey: ["identity", "preview", source, target],
    enabled: source !== "" && target !== "",
    queryFn: async (): Promise<Preview> => {
      const { parameter = [] } = await client.post<fhir4.Parameters>("Patient/$merge", parameters({ ...merging(source, target), preview: true }));
      const told = (name: string) => parameter.find((one) => one.name === name)?.resource;
      const issues = (told("outcome") as fhir4.OperationOutcome | undefined)?.issue ?? [];
      return {
        person: told("result") as fhir4.Patient | undefined,
        against: issues.filter((one) => one.severity === "warning").map((one) => one.details?.text ?? ""),
      };
    },
  });
}

/** Carries an act out; everything of the desk is asked anew then. isLeaving: by the page that is opened, for a resident of this one may be gone. */
export function useAct(onDone: () => void, isLeaving = false) {
  const client = useClient();
  const queries = useQueryClient();
  return useMutation({
    mutationFn: ({ path, given }: Act) => client.post<fhir4.Parameters>(path, parameters(given)),
    onSuccess: async () => {
      await queries.invalidateQueries({ queryKey: ["identity"], refetchType: "none" });
      onDone();
      if (!isLeaving) await queries.refetchQueries({ queryKey: ["identity"], type: "active" });
    },
  });
}

export const idOf = (reference: string): string => reference.replace(/^.*\//, "");

function questionOf(said: Parts): Question {
  const evidence = evidenceOf(said);
  return {
    id: said.number("id") ?? 0, opened: said.text("opened"), kind: said.text("kind"), patient: said.text("patient"),
    resident: said.text("resident"), why: said.values<string>("why"), steps: stepsOf(evidence.evidence?.steps), words: wordsOf(evidence),
    answer: said.text("answer"), answered: said.text("answered"), actor: said.text("actor"), reason: said.text("reason"),
  };
}

function decisionOf(said: Parts): Decision {
  const evidence = evidenceOf(said);
  return {
    id: said.number("id") ?? 0, at: said.text("instant"), kind: said.text("kind"), patient: said.text("patient"),
    resident: said.text("resident"), actor: said.text("actor"), words: wordsOf(evidence), steps: stepsOf(evidence.steps),
    undoable: said.yes("undoable"),
  };
}

function evidenceOf(said: Parts): Evidence {
  const text = said.text("evidence");
  return text ? (JSON.parse(text) as Evidence) : {};
}

const wordsOf = (evidence: Evidence): string => evidence.reason ?? evidence.said?.reason ?? "";

const stepsOf = (steps: [string, string, number][] | undefined): Step[] =>
  (steps ?? []).map(([what, level, bits]) => ({ what, level, bits }));
