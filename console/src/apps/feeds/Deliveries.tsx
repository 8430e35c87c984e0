// What came, the last first, and what became of each; one opens to its refused rows.
import { useInfiniteQuery, useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { App, Badge, Button, Flex, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";
import { RefusalTable } from "./RefusalTable";
import { pathOf, useIsCentre, type Delivery, type Feed, type Refusals } from "./feed";

const PAGE = 200; // Deliveries of one answer.
const DOTS = { kept: "processing", taken: "success", tried: "default", failed: "error" } as const;

export function Deliveries({ feed }: { feed: Feed }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const queries = useQueryClient();
  const { message } = App.useApp();
  const isCentre = useIsCentre();
  const found = useInfiniteQuery({
    queryKey: ["feed", feed.name, "deliveries"],
    initialPageParam: 0,
    queryFn: ({ pageParam }) => client.get<Delivery[]>(pathOf(feed.name, "/deliveries"), { before: pageParam }),
    getNextPageParam: (last) => (last.length === PAGE ? last.at(-1)?.number : undefined),
  });
  const again = useMutation({
    mutationFn: (number: number) => client.post<{ again: number }>(pathOf(feed.name, "/deliveries"), { number }),
    onSuccess: (said) => {
      void message.success(t("again-done", { count: said.again }));
      void queries.invalidateQueries({ queryKey: ["feed", feed.name] });
    },
  });
  const rows = found.data?.pages.flat() ?? [];
  return (
    <Flex vertical gap={12}>
      <ProblemBox error={again.error} />
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows<Delivery>
        rowKey="number" dataSource={rows} loading={found.isPending} exported={{ title: `${feed.title} ${t("tabs.deliveries")}` }}
        locale={{ emptyText: <Nothing say={t("none-delivered")} /> }}
        more={{ has: found.hasNextPage, fetching: found.isFetchingNextPage, fetch: () => void found.fetchNextPage() }}
        expandable={{ rowExpandable: (one) => one.aside + one.left_out > 0 || one.why !== "", expandedRowRender: (one) => <Opened feed={feed} delivery={one} /> }}
        columns={[
          { title: t("number"), text: (one) => one.number, align: "right" },
          { title: t("received-at"), text: (one) => minuteOf(one.received) },
          { title: t("source"), text: (one) => one.title || one.source, render: (_, one) => <>{one.title || one.source}{one.title ? <><br /><Typography.Text type="secondary">{one.source}</Typography.Text></> : null}</> },
          { title: t("fate"), text: (one) => t(`fates.${one.fate}`), render: (_, one) => <Badge status={DOTS[one.fate]} text={t(`fates.${one.fate}`)} style={{ whiteSpace: "nowrap" }} /> },
          { title: t("rows"), text: (one) => one.rows, align: "right" },
          { title: t("stored"), text: (one) => one.stored, align: "right" },
          { title: t("unchanged"), text: (one) => one.unchanged, align: "right" },
          { title: t("refused"), text: (one) => one.aside, align: "right" },
          { title: t("left-out"), text: (one) => one.left_out, align: "right" },
          ...(isCentre ? [{ title: t("do"), render: (_: unknown, one: Delivery) => (
            one.fate === "failed" && one.kept ? <Button size="small" loading={again.isPending && again.variables === one.number} onClick={() => again.mutate(one.number)}>{t("again")}</Button> : null
          ) }] : []),
        ]}
      />
    </Flex>
  );
}

function Opened({ feed, delivery }: { feed: Feed; delivery: Delivery }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const found = useQuery({
    queryKey: ["feed", feed.name, "delivery", delivery.number],
    queryFn: () => client.get<Refusals>(pathOf(feed.name, "/refusals"), { number: delivery.number, closed: true }),
  });
  return (
    <Flex vertical gap={8}>
      {delivery.why ? <Typography.Text type="danger">{delivery.why}</Typography.Text> : null}
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      {delivery.aside + delivery.left_out > 0 ? (
        <RefusalTable rows={found.data?.rows ?? []} title={`${feed.title} ${t("of-delivery", { number: delivery.number })}`} loading={found.isPending} empty={t("none-refused")} />
      ) : null}
      {found.data && found.data.total > found.data.rows.length ? <Typography.Text type="secondary">{t("first-of", { shown: found.data.rows.length, total: found.data.total })}</Typography.Text> : null}
    </Flex>
  );
}
