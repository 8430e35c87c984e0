// The names of institutions by their references: what a person reads in place of "Organization/…".
import { useQuery } from "@tanstack/react-query";
import { useClient } from "./context";
import { entries } from "./reading";

const KEPT = 600_000; // Milliseconds: names hardly change.

/** Gives the name of each of these, empty where it is not known. */
export function useInstitutions(references: string[]): (reference: string) => string {
  const client = useClient();
  const ids = [...new Set(references.map((one) => one.replace("Organization/", "")))].sort();
  const found = useQuery({
    queryKey: ["institutions", ids],
    enabled: ids.length > 0,
    staleTime: KEPT,
    queryFn: () => client.get<fhir4.Bundle>("Organization", { _id: ids.join(","), _elements: "name", _count: ids.length }),
  });
  const names = new Map(entries<fhir4.Organization>(found.data).map((one) => [`Organization/${one.id}`, one.name ?? ""]));
  return (reference) => names.get(reference) ?? "";
}
