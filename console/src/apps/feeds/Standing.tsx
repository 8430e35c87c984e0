// What was agreed of a feed, how fast it comes in just now, its tables, and what was done with it.
import { useMutation, useQuery, useQueryClient } from "@tanstack/react-query";
import { Button, Card, Col, Descriptions, Flex, Row, Typography, theme } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Chart } from "~/ui/Chart";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { colon, comma } from "~/ui/joining";
import { dayOf, minuteOf } from "~/ui/time";
import type { Whole } from "./Feed";
import { pathOf, useIsCentre, type Sheet } from "./feed";

interface Rate {
  minute: string;
  rows: number;
  aside: number;
}

interface Act {
  at: string;
  act: string;
  state: string;
  why: string;
}

export function Standing({ feed }: { feed: Whole }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const queries = useQueryClient();
  const isCentre = useIsCentre();
  const history = useQuery({ queryKey: ["feed", feed.name, "history", feed.state], queryFn: () => client.get<Act[]>(pathOf(feed.name, "/history")) });
  const resuming = useMutation({
    mutationFn: (table: string) => client.post(pathOf(feed.name, "/resume"), { table }),
    onSuccess: () => void queries.invalidateQueries({ queryKey: ["feed", feed.name] }),
  });
  const agreed = [
    ["feed-name", feed.name], ["agreement", feed.agreement], ["agreed", dayOf(feed.agreed ?? "")], ["client", feed.client],
    ["certificate", dayOf(feed.certificate_ends ?? "")], ["dialect", feed.dialect], ["rate", feed.rate ? t("rate-of", { count: feed.rate }) : t("no-limit")],
    ["last", minuteOf(feed.last ?? "")],
  ] as const;
  return (
    <Flex vertical gap={16}>
      <Row gutter={[16, 16]}>
        <Col xs={24} lg={12}>
          <Card size="small" title={t("rates")}><Rates feed={feed} /></Card>
        </Col>
        <Col xs={24} lg={12}>
          <Card size="small" title={t("register")}>
            <Descriptions size="small" column={{ xs: 1, md: 2 }} items={agreed.map(([key, value]) => ({ key, label: t(key), children: value || "—" }))} />
          </Card>
        </Col>
      </Row>
      <ProblemBox error={resuming.error} />
      <section aria-label={t("tables")}>
        <Rows<Sheet>
          rowKey="name" dataSource={feed.tables} tools={<Heading say={t("tables")} />} exported={{ title: `${feed.title} ${t("tables")}` }} locale={{ emptyText: <Nothing say={t("no-tables")} /> }}
          columns={[
            { title: t("table"), text: (one) => one.name },
            { title: t("called"), text: (one) => one.title },
            { title: t("keys"), text: (one) => one.keys.join(comma()) },
            { title: t("day-column"), text: (one) => one.day },
            { title: t("columns"), text: (one) => one.columns.length, align: "right" },
            { title: t("state"), text: (one) => (one.stopped ? `${t("stopped")} ${one.why}` : t("running")), render: (_, one) => (
              one.stopped ? <Typography.Text type="danger" style={{ display: "block", maxWidth: 360, whiteSpace: "normal" }}>{t("stopped")}{colon()}{one.why}</Typography.Text> : t("running")
            ) },
            ...(isCentre ? [{ title: t("do"), render: (_: unknown, one: Sheet) => (
              one.stopped ? <Button size="small" loading={resuming.isPending} onClick={() => resuming.mutate(one.name)}>{t("resume")}</Button> : null
            ) }] : []),
          ]}
        />
      </section>
      <section aria-label={t("history")}>
        <ProblemBox error={history.error} again={() => void history.refetch()} />
        <Rows<Act>
          rowKey="at" dataSource={[...(history.data ?? [])].reverse()} loading={history.isPending} tools={<Heading say={t("history")} />} exported={{ title: `${feed.title} ${t("history")}` }}
          columns={[
            { title: t("at"), text: (one) => minuteOf(one.at) },
            { title: t("act"), text: (one) => t(`acts.${one.act}`, { defaultValue: one.act }) },
            { title: t("state"), text: (one) => t(`states.${one.state}`) },
            { title: t("about"), text: (one) => one.why },
          ]}
        />
      </section>
    </Flex>
  );
}

const Heading = ({ say }: { say: string }) => <Typography.Title level={2} style={{ fontSize: 16, margin: 0 }}>{say}</Typography.Title>;

function Rates({ feed }: { feed: Whole }) {
  const { t } = useTranslation("translation", { keyPrefix: "feeds" });
  const client = useClient();
  const { token } = theme.useToken();
  const found = useQuery({ queryKey: ["feed", feed.name, "rates"], queryFn: () => client.get<Rate[]>(pathOf(feed.name, "/rates")), refetchInterval: 15_000 });
  const option = useMemo(() => ({
    grid: { left: 44, right: 12, top: 28, bottom: 24 },
    tooltip: { trigger: "axis" as const },
    legend: { top: 0, textStyle: { color: token.colorText } },
    xAxis: { type: "category" as const, data: (found.data ?? []).map((one) => minuteOf(one.minute).slice(11)) },
    yAxis: { type: "value" as const, minInterval: 1, splitLine: { lineStyle: { color: token.colorBorderSecondary } } },
    series: [
      { name: t("rows"), type: "bar" as const, data: (found.data ?? []).map((one) => one.rows), itemStyle: { color: token.colorPrimary }, barMaxWidth: 18 },
      { name: t("aside"), type: "bar" as const, data: (found.data ?? []).map((one) => one.aside), itemStyle: { color: token.colorError }, barMaxWidth: 18 },
    ],
  }), [found.data, token, t]);
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (found.data?.length === 0) return <Nothing say={t("no-rates")} />;
  return (
    <>
      <Chart option={option} height={180} label={t("rates-say", { rows: sum(found.data, "rows"), aside: sum(found.data, "aside") })} />
      <Typography.Text type="secondary">{t("rates-say", { rows: sum(found.data, "rows"), aside: sum(found.data, "aside") })}</Typography.Text>
    </>
  );
}

const sum = (rates: Rate[] | undefined, of: "rows" | "aside"): number => (rates ?? []).reduce((total, one) => total + one[of], 0);
