// What is kept aside of a feed and not answered yet, row by row; for its own people as a workbook to be put right.
import { useInfiniteQuery, useMutation, useQuery } from "@tanstack/react-query";
import { Alert, Button, Flex, Select, Switch, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { ProblemBox } from "~/ui/ProblemBox";
import { download } from "~/ui/download";
import { XLSX } from "~/ui/importing";
import { comma } from "~/ui/joining";
import type { Whole } from "./Feed";
import { RefusalTable } from "./RefusalTable";
import { pathOf, useIsCentre, type Refusals } from "./feed";

export function RefusedRows({ feed }: { feed: Whole }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const isCentre = useIsCentre();
  const [table, setTable] = useState("");
  const [values, setValues] = useState(false);
  const found = useInfiniteQuery({
    queryKey: ["feed", feed.name, "refused", table, values],
    initialPageParam: 0,
    queryFn: ({ pageParam }) => client.get<Refusals>(pathOf(feed.name, "/refusals"), { table, whole: !values, offset: pageParam }),
    getNextPageParam: (last, pages) => {
      const had = pages.reduce((sum, page) => sum + page.rows.length, 0);
      return had < last.total && last.rows.length ? had : undefined;
    },
  });
  const waiting = useQuery({ queryKey: ["feed", feed.name, "returned"], queryFn: () => client.get<Record<string, number>>(pathOf(feed.name, "/returned")) });
  const saving = useMutation({
    mutationFn: (name: string) => client.file(pathOf(feed.name, "/returned"), { table: name }, XLSX).then((file) => download(file, `${name}.xlsx`)),
  });
  const tables = Object.entries(waiting.data ?? {});
  return (
    <Flex vertical gap={12}>
      {tables.length ? (
        <Alert
          type="warning" showIcon title={t("to-repair", { tables: tables.map(([name, count]) => t("rows-of", { name, count })).join(comma()) })}
          description={isCentre ? t("own-people-only") : (
            <Flex gap={8} wrap style={{ marginTop: 4 }}>
              {tables.map(([name]) => <Button key={name} size="small" loading={saving.isPending && saving.variables === name} onClick={() => saving.mutate(name)}>{t("repair-book", { name })}</Button>)}
              <Typography.Text type="secondary">{t("repair-say")}</Typography.Text>
            </Flex>
          )}
        />
      ) : null}
      <ProblemBox error={saving.error} />
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <RefusalTable
        rows={found.data?.pages.flatMap((page) => page.rows) ?? []} title={`${feed.title} ${t("tabs.refused")}`} loading={found.isPending} empty={t("none-refused")}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        tools={
          <>
            <Select
              value={table} onChange={setTable} aria-label={t("table")} style={{ minWidth: 220 }}
              options={[{ value: "", label: t("all-tables") }, ...feed.tables.map((one) => ({ value: one.name, label: one.title || one.name }))]}
            />
            <Flex gap={6} align="center">
              <Switch id="values" checked={values} onChange={setValues} aria-label={t("values-too")} />
              <label htmlFor="values">{t("values-too")}</label>
            </Flex>
          </>
        }
      />
    </Flex>
  );
}
