// The names of institutions by their references: what a person reads in place of "Organization/…".
import { useQuery } from "@tanstack/react-query";
import { useClient } from "./context";
import { entries } from "./reading";

const KEPT = 600_000; // Milliseconds: names hardly change.
const MOST = 100; // of one request: an address is not without end

/** Gives the name of each of these, empty where it is not known. */
export function useInstitutions(references: string[]): (reference: string) => string {
  const client = useClient();
  const ids = [...new Set(references.map((one) => one.replace("Organization/", "")))].sort();
  const found = useQuery({
    queryKey: ["institutions", ids],
    enabled: ids.length > 0,
    staleTime: KEPT,
    queryFn: async () => {
      const asked = portions(ids).map((some) => client.get<fhir4.Bundle>("Organization", { _id: some.join(","), _elements: "name", _count: MOST }));
      return (await Promise.all(asked)).flatMap((one) => entries<fhir4.Organization>(one));
    },
  });
  const names = new Map((found.data ?? []).map((one) => [`Organization/${one.id}`, one.name ?? ""]));
  return (reference) => names.get(reference) ?? "";
}

function portions(ids: string[]): string[][] {
  return Array.from({ length: Math.ceil(ids.length / MOST) }, (_, nth) => ids.slice(nth * MOST, (nth + 1) * MOST));
}
