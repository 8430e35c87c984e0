// 接入总览: the first page of a health commission. Each number opens what it means; the same page fills a wall.
import { FullscreenOutlined } from "@ant-design/icons";
import { Button, Card as Box, Skeleton } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useSearchParams } from "react-router";
import { ExportButton } from "~/ui/ExportButton";
import { Page } from "~/ui/Page";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { minuteOf } from "~/ui/time";
import { Card } from "./Card";
import { Days } from "./Days";
import { Meaning } from "./Meaning";
import { Wall } from "./Wall";
import { counted, useOverview } from "./figures";
import "./overview.css";

const NAMES = ["expected", "received", "stored", "refused"] as const;
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
    <Page
      title={t("title")}
      say={told ? t("about-day", { whose: told.institution?.name ?? t("region"), day: told.day, at: minuteOf(told.instant) }) : undefined}
      actions={
        <>
          <ExportButton
            title={t("days")} disabled={!told} columns={[t("day"), t("declared"), ...NAMES.map((name) => t(name))]}
            rows={() => ({ rows: (told?.days ?? []).map((one) => [one.day, `${one.declared} / ${one.tables}`, ...NAMES.map((name) => one[name])]) })}
          />
          <Button icon={<FullscreenOutlined />} onClick={enter} disabled={!told}>{t("wall")}</Button>
        </>
      }
    >
      <ProblemBox error={overview.error} again={() => void overview.refetch()} />
      {told ? (
        <>
          <div className="overview-cards">
            {told.figures.map((one) => <Card key={one.id} figure={one} onOpen={() => setOpen(one.id)} />)}
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
              ...NAMES.map((name) => ({
                title: t(name), dataIndex: name, align: "right" as const, render: shown,
              })),
            ]}
          />
          <Meaning figure={told.figures.find((one) => one.id === open) ?? null} told={told} onClose={() => setOpen(null)} />
        </>
      ) : overview.isPending ? <Skeleton active paragraph={{ rows: 8 }} /> : null}
    </Page>
  );
}
