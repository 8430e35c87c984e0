// Looking for a resident: by name, number or telephone.
import { useInfiniteQuery } from "@tanstack/react-query";
import { Button, Flex, Input, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/app/session";
import { ageOf, entries, link, nameOf } from "~/fhir/reading";
import { Nothing } from "~/ui/Nothing";
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
    <Flex vertical gap={12}>
      <Typography.Title level={1} style={{ fontSize: 20, margin: 0 }}>{t("title")}</Typography.Title>
      <Input.Search
        autoFocus allowClear enterButton={all("ui.search")} placeholder={t("placeholder")} aria-label={t("placeholder")}
        loading={found.isFetching} onSearch={(text) => setAsked(text.trim())} style={{ maxWidth: 560 }}
      />
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows
        dataSource={rows}
        locale={{ emptyText: <Nothing say={asked && found.isSuccess ? t("none") : t("ask")} /> }}
        columns={[
          { title: t("name"), render: (_, one) => nameOf(one) },
          { title: t("sex"), dataIndex: "gender", render: (sex: string | undefined) => (sex ? t(`sexes.${sex}`) : "") },
          { title: t("age"), dataIndex: "birthDate", render: (born: string | undefined) => ageOf(born) ?? "" },
          { title: t("born"), dataIndex: "birthDate" },
          { title: t("number"), render: (_, one) => one.identifier?.[0]?.value ?? "" },
          { title: t("institution"), render: (_, one) => one.managingOrganization?.display ?? one.managingOrganization?.reference ?? "" },
        ]}
      />
      {found.hasNextPage ? <Button onClick={() => void found.fetchNextPage()} loading={found.isFetchingNextPage}>{all("ui.more")}</Button> : null}
    </Flex>
  );
}

/** A number is a telephone or an identifier; anything else is a name. */
function criteria(text: string): Record<string, string> {
  if (/^1\d{10}$/.test(text)) return { phone: text };
  return /\d/.test(text) ? { identifier: text } : { name: text };
}
