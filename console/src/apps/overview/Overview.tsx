// 接入总览: the first page of a health commission. Each number opens what it means; the same page fills a wall.
import { FullscreenOutlined } from "@ant-design/icons";
import { Button, Card as Box, Flex, Skeleton, Typography } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { Card } from "./Card";
import { Days } from "./Days";
import { Meaning } from "./Meaning";
import { Wall } from "./Wall";
import { counted, useOverview, written } from "./figures";
import "./overview.css";

const shown = (value: number | null) => (value === null ? "—" : counted(value));

export default function Overview() {
  const { t } = useTranslation("translation", { keyPrefix: "overview" });
  const [search, setSearch] = useSearchParams();
  const [open, setOpen] = useState<string | null>(null);
  const overview = useOverview();
  const told = overview.data;
  const wall = search.has("wall");
  const enter = () => {
    setSearch({ wall: "" });
    void document.documentElement.requestFullscreen?.().catch(() => undefined); // Without it the wall fills the window.
  };
  if (wall && told) return <Wall told={told} lost={overview.isError} seen={overview.dataUpdatedAt} onLeave={() => setSearch({})} />;
  return (
    <Flex vertical gap={12}>
      <Flex justify="space-between" align="center" wrap gap={8}>
        <Flex vertical>
          <Typography.Title level={1} style={{ fontSize: 20, margin: 0 }}>{t("title")}</Typography.Title>
          {told ? (
            <Typography.Text type="secondary">
              {t("about-day", { whose: told.institution?.name ?? t("region"), day: told.day, at: written(told.instant, told.zone) })}
            </Typography.Text>
          ) : null}
        </Flex>
        <Button icon={<FullscreenOutlined />} onClick={enter} disabled={!told}>{t("wall")}</Button>
      </Flex>
      <ProblemBox error={overview.error} again={() => void overview.refetch()} />
      {told ? (
        <>
          <div className="overview-cards">
            {told.figures.map((one) => <Card key={one.id} figure={one} zone={told.zone} onOpen={() => setOpen(one.id)} />)}
          </div>
          <Box size="small" title={t("days")}>
            <Days days={told.days} height={260} />
          </Box>
          <Rows
            rowKey="day"
            dataSource={[...told.days].reverse()}
            columns={[
              { title: t("day"), dataIndex: "day" },
              { title: t("declared"), align: "right", render: (_, one) => `${one.declared} / ${one.tables}` },
              ...(["expected", "received", "stored", "refused"] as const).map((name) => ({
                title: t(name), dataIndex: name, align: "right" as const, render: shown,
              })),
            ]}
          />
          <Meaning figure={told.figures.find((one) => one.id === open) ?? null} told={told} onClose={() => setOpen(null)} />
        </>
      ) : overview.isPending ? <Skeleton active paragraph={{ rows: 8 }} /> : null}
    </Flex>
  );
}
