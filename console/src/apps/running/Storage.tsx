// The room that the installation takes, by table and by folder, and how fast the record grows.
import { useQuery } from "@tanstack/react-query";
import { Alert, Card, Col, Flex, Progress as Bar, Row, Statistic, Typography } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Chart } from "~/ui/Chart";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { bytesOf, numberOf } from "~/ui/sizes";

interface Told {
  database: number;
  disk: { total: number; free: number; reserve: number };
  tables: { table: string; bytes: number; rows: number }[];
  folders: { folder: string; bytes: number; files: number; whole: boolean }[];
  days: { day: string; commits: number; versions: number }[] | null;
}

export function Storage() {
  const { t } = useTranslation("translation", { keyPrefix: "running" });
  const client = useClient();
  const found = useQuery({ queryKey: ["administration", "storage"], queryFn: () => client.get<Told>("$administration/storage") });
  const told = found.data;
  const days = told?.days;
  const option = useMemo(() => ({
    grid: { left: 56, right: 16, top: 16, bottom: 32 }, tooltip: { trigger: "axis" },
    xAxis: { type: "category", data: days?.map((one) => one.day) ?? [] }, yAxis: { type: "value" },
    series: [{ type: "bar", name: t("versions"), data: days?.map((one) => one.versions) ?? [], barMaxWidth: 32 }],
  }), [days, t]);
  if (!told) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  const used = told.disk.total - told.disk.free;
  return (
    <Flex vertical gap={12}>
      <Row gutter={[12, 12]}>
        <Col xs={24} md={8}><Card size="small"><Statistic title={t("database")} value={bytesOf(told.database)} /></Card></Col>
        <Col xs={24} md={16}>
          <Card size="small">
            <Typography.Text type="secondary">{t("disk", { used: bytesOf(used), total: bytesOf(told.disk.total), free: bytesOf(told.disk.free) })}</Typography.Text>
            <Bar percent={Math.round((used / told.disk.total) * 100)} status={told.disk.free < 2 * told.disk.reserve ? "exception" : "normal"} aria-label={t("disk-used")} />
            <Typography.Text type="secondary">{t("reserve", { bytes: bytesOf(told.disk.reserve) })}</Typography.Text>
          </Card>
        </Col>
      </Row>
      <Card size="small" title={t("growth")}>
        {days === null ? <Alert type="info" showIcon title={t("too-long")} /> : <Chart option={option} height={220} label={t("growth")} />}
      </Card>
      <Rows
        rowKey="table" dataSource={told.tables.filter((one) => one.bytes > 0)} exported={{ title: t("tables") }} tools={<Typography.Text strong>{t("tables")}</Typography.Text>} pagination={{ pageSize: 15, showSizeChanger: false }}
        columns={[
          { title: t("holds"), text: (one) => t(`holding.${one.table}`, { defaultValue: t("holding.other") }) },
          { title: t("table"), dataIndex: "table", render: (text: string) => <Typography.Text code>{text}</Typography.Text> },
          { title: t("size"), text: (one) => one.bytes, render: (_, one) => bytesOf(one.bytes), align: "right" },
          { title: t("rows"), text: (one) => one.rows, render: (_, one) => numberOf(one.rows), align: "right" },
        ]}
      />
      <Rows
        rowKey="folder" dataSource={told.folders} exported={{ title: t("folders") }} tools={<Typography.Text strong>{t("folders")}</Typography.Text>}
        columns={[
          { title: t("holds"), text: (one) => t(`folder-of.${one.folder}`, { defaultValue: t("holding.other") }) },
          { title: t("folder"), dataIndex: "folder", render: (text: string) => <Typography.Text code>{text}</Typography.Text> },
          { title: t("size"), text: (one) => one.bytes, render: (_, one) => `${one.whole ? "" : t("at-least")}${bytesOf(one.bytes)}`, align: "right" },
          { title: t("files"), text: (one) => one.files, render: (_, one) => numberOf(one.files), align: "right" },
        ]}
      />
    </Flex>
  );
}
