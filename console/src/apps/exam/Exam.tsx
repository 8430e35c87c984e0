// 互联互通自查: three lists, each line with what is covered, what was tried, by which evidence, and what is missing.
import { useQuery } from "@tanstack/react-query";
import { Alert, Badge, Card, Flex, Grid, Progress as Bar, Segmented, Select, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Problem } from "~/fhir/client";
import { Nothing } from "~/ui/Nothing";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";

interface Line {
  id: string;
  list: "data-sets" | "documents" | "services";
  outcome: "passed" | "failed" | "not-run";
  covered: "yes" | "part" | "no";
}

interface Report {
  instant: string;
  platform: string;
  header: string[];
  /** In the order of the lines: list, number, standard, name, covered, outcome, evidence, remark, points. */
  rows: string[][];
  sums: string[];
  lines: Line[];
}

const LISTS = ["data-sets", "documents", "services"] as const;
const SHOWN = ["all", "gaps", "passed", "failed", "not-run"] as const;
const DOTS = { passed: "success", failed: "error", "not-run": "default" } as const;
type Row = Line & { cells: string[] };

export default function Exam() {
  const { t } = useTranslation("translation", { keyPrefix: "exam" });
  const client = useClient();
  const wide = Grid.useBreakpoint().lg;
  const [list, setList] = useState<string>("all");
  const [shown, setShown] = useState<string>("gaps");
  const found = useQuery({ queryKey: ["exam"], retry: false, queryFn: () => client.get<Report>("$exam", {}) });
  const report = found.data;
  const none = found.error instanceof Problem && found.error.status === 404;
  const all: Row[] = (report?.lines ?? []).map((line, nth) => ({ ...line, cells: report?.rows[nth] ?? [] }));
  const rows = all.filter((one) => list === "all" || one.list === list).filter((one) => isShown(one, shown));
  const text = (nth: number) => (one: Row) => one.cells[nth] ?? "";
  const lists = [{ value: "all", label: t("all-lists") }, ...LISTS.map((one) => ({ value: one as string, label: t(`lists.${one}`) }))];
  const kinds = SHOWN.map((one) => ({ value: one as string, label: `${t(`shown.${one}`)} ${all.filter((row) => (list === "all" || row.list === list) && isShown(row, one)).length}` }));
  return (
    <Page title={t("title")} say={report ? t("ran", { at: minuteOf(report.instant), version: report.platform }) : t("say")}>
      {none ? <Alert type="info" showIcon title={t("none")} description={<code>kangyun exam</code>} /> : <ProblemBox error={found.error} again={() => void found.refetch()} />}
      {report ? (
        <>
          <Flex gap={12} wrap>
            {LISTS.map((name) => <Sum key={name} name={name} rows={all.filter((one) => one.list === name)} />)}
          </Flex>
          <Typography.Text type="secondary">{report.sums.at(-1)} {t("note")}</Typography.Text>
          <Rows<Row>
            dataSource={rows} exported={{ title: t("title") }} locale={{ emptyText: <Nothing say={t("no-rows")} /> }}
            tools={wide ? (
              <>
                <Segmented options={lists} value={list} onChange={setList} aria-label={t("list")} />
                <Segmented options={kinds} value={shown} onChange={setShown} aria-label={t("outcome")} />
              </>
            ) : (
              <>
                <Select options={lists} value={list} onChange={setList} aria-label={t("list")} style={{ minWidth: 120 }} />
                <Select options={kinds} value={shown} onChange={setShown} aria-label={t("outcome")} style={{ minWidth: 140 }} />
              </>
            )}
            columns={[
              { title: report.header[0] ?? "", text: text(0) },
              { title: report.header[3] ?? "", text: text(3), render: (_, one) => <span style={WIDE}>{one.cells[3]}<br /><Typography.Text type="secondary">{[one.cells[2], one.cells[1]].filter(Boolean).join(" · ")}</Typography.Text></span> },
              { title: report.header[4] ?? "", text: text(4) },
              { title: report.header[5] ?? "", text: text(5), render: (_, one) => <Badge status={DOTS[one.outcome]} text={one.cells[5]} style={{ whiteSpace: "nowrap" }} /> },
              { title: report.header[6] ?? "", text: text(6), render: (_, one) => <span style={WIDE}>{one.cells[6]}</span> },
              { title: report.header[7] ?? "", text: text(7), render: (_, one) => <span style={WIDE}>{one.cells[7]}</span> },
              ...(all.some((one) => one.cells[8]) ? [{ title: report.header[8] ?? "", text: text(8) }] : []),
            ]}
          />
        </>
      ) : null}
    </Page>
  );
}

const WIDE = { display: "block", minWidth: 180, maxWidth: 400, whiteSpace: "normal", overflowWrap: "anywhere" } as const;

const isShown = (one: Line, what: string): boolean => what === "all" || (what === "gaps" ? one.outcome !== "passed" : one.outcome === what);

function Sum({ name, rows }: { name: (typeof LISTS)[number]; rows: Row[] }) {
  const { t } = useTranslation("translation", { keyPrefix: "exam" });
  const passed = rows.filter((one) => one.outcome === "passed").length;
  const failed = rows.filter((one) => one.outcome === "failed").length;
  const said = t("sum", { total: rows.length, covered: rows.filter((one) => one.covered !== "no").length, passed, failed });
  return (
    <Card size="small" title={t(`lists.${name}`)} style={{ minWidth: 240, flex: "1 1 240px" }}>
      <Bar percent={rows.length ? Math.round((passed / rows.length) * 100) : 0} aria-label={said} />
      <Typography.Text>{said}</Typography.Text>
    </Card>
  );
}
