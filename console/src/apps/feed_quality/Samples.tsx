// Of one table and month: how each field was filled, and samples of what was refused or left out.
import { useQuery } from "@tanstack/react-query";
import { Col, Row, Typography } from "antd";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import type { Line } from "./quality";

interface Field {
  table: string;
  field: string;
  rows: number;
  filled: number;
  valid: number;
  left_out: number;
  mended: number;
}

interface Sample {
  delivery: number;
  row: number | null;
  part: string;
  shown: string;
  why: string;
}

const MOST = 20;

export function Samples({ line, month }: { line: Line; month: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "feed_quality" });
  const client = useClient();
  const path = `/feeds/${encodeURIComponent(line.feed)}`;
  const fields = useQuery({
    queryKey: ["quality", line.feed, "fields", month],
    queryFn: () => client.get<Field[]>(`${path}/fields`, { month }),
    select: (all) => all.filter((one) => one.table === line.table),
  });
  const samples = useQuery({
    queryKey: ["quality", line.feed, "samples", line.table],
    queryFn: () => client.get<{ rows: Sample[] }>(`${path}/refusals`, { table: line.table, closed: true }),
  });
  const rows = (samples.data?.rows ?? []).slice(0, MOST).map((one, key) => ({ ...one, key }));
  return (
    <Row gutter={[24, 16]}>
      <Col xs={24} xl={11}>
        <Typography.Title level={3} style={{ fontSize: 14 }}>{t("fields")}</Typography.Title>
        <ProblemBox error={fields.error} again={() => void fields.refetch()} />
        <Rows<Field>
          rowKey="field" dataSource={fields.data ?? []} loading={fields.isPending} exported={{ title: `${line.title} ${month} ${t("fields")}` }} pagination={{ pageSize: 10, size: "small" }}
          locale={{ emptyText: <Nothing say={t("no-fields")} /> }}
          columns={[
            { title: t("field"), text: (one) => one.field },
            { title: t("filled"), text: (one) => share(one.filled, one.rows), align: "right" },
            { title: t("valid"), text: (one) => share(one.valid, one.filled), align: "right" },
            { title: t("left-out"), text: (one) => one.left_out, align: "right" },
            { title: t("mended"), text: (one) => one.mended, align: "right" },
          ]}
        />
      </Col>
      <Col xs={24} xl={13}>
        <Typography.Title level={3} style={{ fontSize: 14 }}>{t("samples")}</Typography.Title>
        <ProblemBox error={samples.error} again={() => void samples.refetch()} />
        <Rows
          rowKey="key" dataSource={rows} loading={samples.isPending} locale={{ emptyText: <Nothing say={t("no-samples")} /> }}
          columns={[
            { title: t("place"), text: (one) => t("place-of", { delivery: one.delivery, row: one.row ?? "—" }) },
            { title: t("field"), text: (one) => one.part },
            { title: t("value"), text: (one) => one.shown },
            { title: t("why"), text: (one) => one.why, render: (_, one) => <span style={{ display: "block", whiteSpace: "normal", minWidth: 200, maxWidth: 420 }}>{one.why}</span> },
          ]}
        />
      </Col>
    </Row>
  );
}

const share = (part: number, of: number): string => (of ? `${((part / of) * 100).toFixed(1)}%` : "—");
