// Looking for a resident: by name, number or telephone.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Input } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/app/session";
import { ageOf, entries, link, nameOf } from "~/fhir/reading";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";

const PAGE = 20;

export default function Residents() {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const { t: all } = useTranslation();
  const client = useClient();
  const [asked, setAsked] = useState("");
  const found = useInfiniteQuery({
    queryKey: ["residents", asked],
    enabled: asked !== "",
    initialPageParam: "",
    queryFn: ({ pageParam }) => client.get<fhir4.Bundle>(pageParam || "Patient", pageParam ? {} : { ...criteria(asked), _count: PAGE }),
    getNextPageParam: (last) => link(last, "next"),
  });
  const rows = found.data?.pages.flatMap((page) => entries<fhir4.Patient>(page)) ?? [];
  return (
    <Page title={t("title")}>
      <Input.Search
        autoFocus allowClear enterButton={all("ui.search")} placeholder={t("placeholder")} aria-label={t("placeholder")}
        loading={found.isFetching} onSearch={(text) => setAsked(text.trim())} style={{ maxWidth: 560 }}
      />
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        dataSource={rows}
        locale={{ emptyText: <Nothing say={asked && found.isSuccess ? t("none") : t("ask")} /> }}
        exported={{ title: t("title"), about: (one) => `Patient/${one.id ?? ""}` }}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        columns={[
          { title: t("name"), text: nameOf },
          { title: t("sex"), text: (one) => (one.gender ? t(`sexes.${one.gender}`) : "") },
          { title: t("age"), text: (one) => ageOf(one.birthDate) },
          { title: t("born"), dataIndex: "birthDate" },
          { title: t("number"), text: (one) => one.identifier?.[0]?.value ?? "" },
          { title: t("institution"), text: (one) => one.managingOrganization?.display ?? one.managingOrganization?.reference ?? "" },
        ]}
      />
    </Page>
  );
}

/** A number is a telephone or an identifier; anything else is a name. */
function criteria(text: string): Record<string, string> {
  if (/^1\d{10}$/.test(text)) return { phone: text };
  return /\d/.test(text) ? { identifier: text } : { name: text };
}
