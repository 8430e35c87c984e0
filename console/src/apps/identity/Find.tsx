// A person is looked for: to see the ledger, what was decided about who he is and by whom, or to be merged.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Empty, Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useClient } from "~/fhir/context";
import { entries, link, nameOf } from "~/fhir/reading";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { valuesOf } from "./said";

/** pick: what may be done with each who is found. */
export function Find({ pick }: { pick: { label: string; act: (id: string) => void } }) {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  const { t: all } = useTranslation();
  const client = useClient();
  const [asked, setAsked] = useState("");
  const found = useInfiniteQuery({
    queryKey: ["identity", "find", asked],
    enabled: asked !== "",
    initialPageParam: "",
    queryFn: ({ pageParam }) => client.get<fhir4.Bundle>(pageParam || "Patient", pageParam ? {} : { ...criteria(asked), _count: 50 }),
    getNextPageParam: (last) => link(last, "next"),
  });
  const rows = found.data?.pages.flatMap((page) => entries<fhir4.Patient>(page)) ?? [];
  return (
    <>
      <Input.Search
        autoFocus allowClear enterButton={all("ui.search")} placeholder={t("find-by")} aria-label={t("find-by")} loading={found.isFetching}
        onSearch={(text) => setAsked(text.trim())} style={{ maxWidth: 560 }}
      />
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows<fhir4.Patient>
        dataSource={rows} loading={found.isLoading} locale={{ emptyText: <Empty image={Empty.PRESENTED_IMAGE_SIMPLE} description={t(asked ? "nobody" : "find-ask")} /> }}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        exported={{ title: t("registrations"), about: (one) => `Patient/${one.id}` }}
        columns={[
          { title: t("fields.name"), text: (one) => nameOf(one), render: (_, one) => <Link to={`/identity/person/${one.id}`}>{nameOf(one) || t("unnamed")}</Link> },
          { title: t("fields.birth"), text: (one) => one.birthDate ?? "" },
          { title: t("fields.sex"), text: (one) => (one.gender ? t(`sexes.${one.gender}`) : "") },
          { title: t("fields.number"), text: (one) => valuesOf(one, "number")[0] ?? "" },
          { title: t("fields.institution"), text: (one) => valuesOf(one, "institution")[0] ?? "" },
          { title: t("act"), render: (_, one) => <Button size="small" onClick={() => pick.act(one.id ?? "")}>{pick.label}</Button> },
        ]}
      />
    </>
  );
}

/** A number is a telephone or an identifier; anything else is a name. */
function criteria(text: string): Record<string, string> {
  if (/^1\d{10}$/.test(text)) return { phone: text };
  return /\d/.test(text) ? { identifier: text } : { name: text };
}
