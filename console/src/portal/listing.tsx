// A list of what is recorded, newest first, page by page, with what to do when there is nothing.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Fragment, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import type { Search } from "~/fhir/client";
import { link } from "~/fhir/reading";
import { Fault } from "~/ui/plain/Fault";
import { Empty, Waiting } from "~/ui/plain/parts";
import { useMe } from "./session";

interface Listed<T extends fhir4.FhirResource> {
  type: T["resourceType"];
  search: Search;
  empty: ReactNode;
  /** Draws those that were asked for; `others` came along by what was included, by their reference. */
  children: (these: T[], others: Map<string, fhir4.FhirResource>) => ReactNode;
}

export function Listing<T extends fhir4.FhirResource>({ type, search, empty, children }: Listed<T>) {
  const { t } = useTranslation();
  const { client, person } = useMe();
  const found = useInfiniteQuery({
    queryKey: [type, person.id, search],
    initialPageParam: "",
    queryFn: ({ pageParam }) => client.get<fhir4.Bundle>(pageParam || type, pageParam ? {} : { patient: person.patient, _count: 20, ...search }),
    getNextPageParam: (last) => link(last, "next"),
  });
  const all = (found.data?.pages ?? []).flatMap((page) => page.entry ?? []);
  const these = all.flatMap((one) => (one.search?.mode !== "include" && one.resource?.resourceType === type ? [one.resource as T] : []));
  const others = new Map<string, fhir4.FhirResource>();
  for (const { resource } of all) if (resource?.id) others.set(`${resource.resourceType}/${resource.id}`, resource as fhir4.FhirResource);
  if (found.isPending) return <Waiting />;
  return (
    <Fragment>
      <Fault error={found.error} again={() => void found.refetch()} />
      {found.isSuccess && these.length === 0 ? empty ?? <Empty say={t("app.none")} /> : children(these, others)}
      {found.hasNextPage ? (
        <button type="button" className="button" disabled={found.isFetchingNextPage} onClick={() => void found.fetchNextPage()}>
          {t(found.isFetchingNextPage ? "app.waiting" : "app.older")}
        </button>
      ) : null}
    </Fragment>
  );
}
