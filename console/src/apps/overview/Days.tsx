// The last fourteen business days: what was expected, stored and refused, as a chart and as a table of the same figures.
import { theme } from "antd";
import { useTranslation } from "react-i18next";
import { Chart } from "~/ui/Chart";
import type { Day } from "./figures";

export function Days({ days, height, bright }: { days: Day[]; height: number; bright?: boolean }) {
  const { t } = useTranslation("translation", { keyPrefix: "overview" });
  const { token } = theme.useToken();
  const text = bright ? "#d7e3ea" : token.colorTextSecondary;
  const line = { lineStyle: { color: bright ? "#25404d" : token.colorBorderSecondary } };
  const bar = (name: "stored" | "refused", color: string, pattern = {}) => ({
    name: t(name), type: "bar", stack: "all", data: days.map((one) => one[name]), itemStyle: { color, ...pattern }, barMaxWidth: 32,
  });
  const option = {
    grid: { left: 8, right: 8, top: 36, bottom: 4, containLabel: true },
    legend: { top: 0, textStyle: { color: text } },
    tooltip: { trigger: "axis" },
    xAxis: { type: "category", data: days.map((one) => one.day.slice(5)), axisLabel: { color: text }, axisLine: line },
    yAxis: { type: "value", minInterval: 1, axisLabel: { color: text }, splitLine: line },
    series: [
      bar("stored", bright ? "#2fb8a0" : "#2a8f80"),
      bar("refused", bright ? "#ff9d73" : "#c2571a", { decal: { symbol: "rect", dashArrayX: [1, 0], dashArrayY: [3, 3], rotation: 0.8 } }),
      {
        name: t("expected"), type: "line", symbol: "diamond", symbolSize: 8, data: days.map((one) => one.expected),
        lineStyle: { type: "dashed", color: bright ? "#9ecbff" : "#0f5fa8" }, itemStyle: { color: bright ? "#9ecbff" : "#0f5fa8" },
      },
    ],
  };
  return <Chart option={option} height={height} label={t("days")} />;
}
