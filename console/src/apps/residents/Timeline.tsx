// A life of visits at all institutions, to be zoomed; the same as a list beneath.
import { useQuery } from "@tanstack/react-query";
import { Flex, Select, Skeleton, Typography } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Chart } from "~/ui/Chart";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { Rows } from "~/ui/Rows";
import { houseOf, part, type First, type Timeline, type Visit } from "./view";

// Each kind has a sign of its own: colour alone says nothing.
const SIGNS: Record<string, [string, string]> = {
  outpatient: ["circle", "#0f5fa8"], inpatient: ["rect", "#b42318"], emergency: ["triangle", "#9a5b00"],
  home: ["diamond", "#216e39"], virtual: ["pin", "#6941c6"], other: ["emptyCircle", "#667085"],
};

export default function TimelinePart({ id, view }: { id: string; view: First }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const client = useClient();
  const [kinds, setKinds] = useState<string[]>([]);
  const found = useQuery({ queryKey: ["resident", id, "timeline"], queryFn: () => part<Timeline>(client, id, "timeline") });
  const visits = useMemo(
    () => (found.data?.visits ?? []).filter((one) => kinds.length === 0 || kinds.includes(one[2])), [found.data, kinds],
  );
  const option = useMemo(() => drawn(visits, found.data?.houses ?? [], (kind) => t(`kinds.${kind}`)), [visits, found.data, t]);
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Skeleton active />;
  if (found.data.visits.length === 0) return <Nothing say={t("timeline.none")} />;
  const { houses } = found.data;
  const places = new Set(visits.map((one) => one[3])).size;
  return (
    <Flex vertical gap={12}>
      <Chart option={option} height={Math.max(260, 130 + places * 34)} label={t("timeline.label", { count: visits.length })} />
      <Typography.Text type="secondary">{t("timeline.say")}</Typography.Text>
      <Rows<Visit>
        rowKey={(one) => one[6]} dataSource={visits}
        exported={{ title: t("timeline.title"), about: () => `Patient/${view.person.id}` }}
        tools={
          <Select
            mode="multiple" allowClear placeholder={t("timeline.all-kinds")} aria-label={t("timeline.all-kinds")} value={kinds}
            style={{ minWidth: 200 }} onChange={setKinds}
            options={[...new Set(found.data.visits.map((one) => one[2]))].map((kind) => ({ value: kind, label: t(`kinds.${kind}`) }))}
          />
        }
        columns={[
          { title: t("timeline.start"), text: (one) => one[0] },
          { title: t("timeline.kind"), text: (one) => t(`kinds.${one[2]}`) },
          { title: t("timeline.house"), text: (one) => houseOf(houses, one[3]) },
          { title: t("timeline.department"), text: (one) => one[4] },
          { title: t("timeline.what"), text: (one) => one[5] },
          { title: t("timeline.end"), text: (one) => (one[1].slice(0, 10) === one[0].slice(0, 10) ? one[1].slice(11) : one[1]) },
        ]}
      />
    </Flex>
  );
}

function drawn(visits: Visit[], houses: string[], said: (kind: string) => string) {
  const rows = [...new Set(visits.map((one) => houseOf(houses, one[3])))].reverse();
  const kinds = [...new Set(visits.map((one) => one[2]))];
  return {
    grid: { left: 8, right: 16, top: 36, bottom: 56, containLabel: true },
    legend: { top: 0, left: 0 },
    tooltip: {
      trigger: "item", renderMode: "richText", confine: true,
      formatter: ({ data }: { data: { value: string[]; said: string } }) => `${data.value[0]}\n${data.value[1]}\n${data.said}`,
    },
    xAxis: { type: "time", splitLine: { show: true } },
    yAxis: { type: "category", data: rows, axisLabel: { width: 132, overflow: "truncate" }, axisTick: { show: false } },
    dataZoom: [{ type: "slider", height: 20, bottom: 8 }, { type: "inside" }],
    series: kinds.map((kind) => ({
      name: said(kind), type: "scatter", symbol: SIGNS[kind]?.[0] ?? "circle", symbolSize: kind === "inpatient" ? 14 : 10,
      itemStyle: { color: SIGNS[kind]?.[1] ?? "#667085", opacity: 0.8 },
      data: visits.filter((one) => one[2] === kind).map((one) => ({
        value: [one[0], houseOf(houses, one[3])], said: [said(kind), one[4], one[5]].filter(Boolean).join(" · "),
      })),
    })),
  };
}
