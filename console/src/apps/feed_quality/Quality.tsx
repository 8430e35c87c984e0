// The quality of a month: a score for each table of each institution, by which rules, with samples of what was wrong.
import { LeftOutlined, RightOutlined } from "@ant-design/icons";
import { useMutation, useQuery } from "@tanstack/react-query";
import { Button, Drawer, Flex, Statistic, Tag, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { useClient } from "~/fhir/context";
import { useInstitutions } from "~/fhir/institutions";
import { blobOf } from "~/fhir/workbook";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { download } from "~/ui/download";
import { dayOf } from "~/ui/time";
import { RulesTold } from "./RulesTold";
import { Samples } from "./Samples";
import { DIMENSIONS, scoresOf, type Line } from "./quality";

const FORMS = ["xlsx", "docx"] as const;

export default function Quality() {
  const { t } = useTranslation("translation", { keyPrefix: "feed_quality" });
  const client = useClient();
  const now = dayOf(new Date()).slice(0, 7);
  const [month, setMonth] = useState(now);
  const [rules, setRules] = useState(false);
  const found = useQuery({ queryKey: ["quality", month], queryFn: async () => scoresOf(await client.get<fhir4.Parameters>("MeasureReport/$feed-quality", { month })) });
  const making = useMutation({
    mutationFn: async (form: (typeof FORMS)[number]) => {
      const made = await client.get<fhir4.Binary>("MeasureReport/$feed-quality-circular", { month, form });
      download(blobOf(made.data ?? "", made.contentType), `${t("circular")} ${month}.${form}`);
    },
  });
  const lines = found.data?.lines ?? [];
  const name = useInstitutions(lines.map((one) => one.institution));
  return (
    <Page
      title={t("title")} say={t("say")}
      actions={
        <>
          <Button onClick={() => setRules(true)}>{t("rules")}</Button>
          {FORMS.map((form) => (
            <Button key={form} disabled={!lines.length} loading={making.isPending && making.variables === form} onClick={() => making.mutate(form)}>{t(`circular-${form}`)}</Button>
          ))}
        </>
      }
    >
      <Flex gap={24} align="center" wrap>
        <Flex gap={8} align="center">
          <Button icon={<LeftOutlined />} aria-label={t("month-before")} onClick={() => setMonth(other(month, -1))} />
          <Typography.Title level={2} style={{ fontSize: 16, margin: 0, minWidth: 76, textAlign: "center" }}>{month}</Typography.Title>
          <Button icon={<RightOutlined />} aria-label={t("month-after")} disabled={month >= now} onClick={() => setMonth(other(month, 1))} />
        </Flex>
        <Statistic title={t("overall")} value={found.data?.overall || "—"} />
        <Statistic title={t("tables")} value={lines.length} />
      </Flex>
      <ProblemBox error={making.error} />
      <ProblemBox error={found.error} again={() => void found.refetch()} />
      <Rows<Line>
        rowKey="report" dataSource={lines} loading={found.isPending} exported={{ title: `${t("title")} ${month}` }} locale={{ emptyText: <Nothing say={t("none")} /> }}
        expandable={{ expandedRowRender: (one) => <Samples line={one} month={month} /> }}
        columns={[
          { title: t("institution"), text: (one) => name(one.institution), sorter: (one, two) => name(one.institution).localeCompare(name(two.institution), "zh") },
          { title: t("table"), text: (one) => one.title || one.table, render: (_, one) => <><Link to={`/feeds/${one.feed}?tab=refused`}>{one.title || one.table}</Link><br /><Typography.Text type="secondary">{one.table}</Typography.Text></> },
          { title: t("rows"), text: (one) => one.rows, align: "right" },
          { title: t("score"), text: (one) => one.score, align: "right", sorter: (one, two) => Number(one.score) - Number(two.score) },
          { title: t("grade"), text: (one) => one.grade, render: (_, one) => (one.grade ? <Tag>{t(`grades.${one.grade}`, { defaultValue: one.grade })}</Tag> : "—") },
          ...DIMENSIONS.map((dimension) => ({
            title: t(`dimensions.${dimension}`), align: "right" as const,
            text: (one: Line) => (one.appealed.includes(dimension) ? t("appealed") : one[dimension] ? `${one[dimension]}%` : "—"),
          })),
        ]}
      />
      <Drawer open={rules} onClose={() => setRules(false)} size="min(640px, 100vw)" title={t("rules")}><RulesTold /></Drawer>
    </Page>
  );
}

function other(month: string, by: number): string {
  const [year = 1970, nth = 1] = month.split("-").map(Number);
  return new Date(Date.UTC(year, nth - 1 + by, 1)).toISOString().slice(0, 7);
}
