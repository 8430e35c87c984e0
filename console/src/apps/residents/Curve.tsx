// The curve of one metric: mean, least and most of each stretch of time. A gap stays a gap.
import { useQuery } from "@tanstack/react-query";
import { Skeleton } from "antd";
import { useMemo } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { Chart } from "~/ui/Chart";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { unitSaid } from "./measuring";

const NAMES = ["mean", "low", "high"] as const;
const DAY = 86_400_000;

export function Curve({ person, code, what, days }: { person: string; code: string; what: string; days: number }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents.devices" });
  const client = useClient();
  const found = useQuery({
    queryKey: ["resident", person, "series", code, days],
    queryFn: () => {
      const end = new Date();
      const start = new Date(end.getTime() - days * DAY);
      return client.get<fhir4.Parameters>(`Patient/${person}/$series`, { metric: code, start: start.toISOString(), end: end.toISOString(), points: 300 });
    },
  });
  const series = useMemo(() => (found.data ? lines(found.data, (name) => t(name)) : []), [found.data, t]);
  const unit = unitSaid(found.data?.parameter?.[0]?.part?.find((one) => one.valueSampledData)?.valueSampledData?.origin.unit);
  const option = useMemo(() => ({
    grid: { left: 8, right: 16, top: 40, bottom: 52, containLabel: true }, legend: { top: 0, left: 0 },
    tooltip: { trigger: "axis", renderMode: "richText", confine: true }, xAxis: { type: "time" },
    yAxis: { type: "value", scale: true, name: unit }, dataZoom: [{ type: "slider", height: 18, bottom: 6 }, { type: "inside" }], series,
  }), [series, unit]);
  if (found.error) return <ProblemBox error={found.error} again={() => void found.refetch()} />;
  if (!found.data) return <Skeleton active />;
  if (series.length === 0) return <Nothing say={t("silent")} />;
  return <Chart option={option} label={t("label", { what })} />;
}

/** The values of samples; null where there is none. */
function numbers(sampled: fhir4.SampledData): (number | null)[] {
  return (sampled.data ?? "").split(" ").map((text) => (text === "E" ? null : Number((Number(text) * (sampled.factor ?? 1)).toFixed(3))));
}

function lines(answer: fhir4.Parameters, said: (name: string) => string) {
  return (answer.parameter ?? []).flatMap((one) => {
    const at = (name: string) => one.part?.find((each) => each.name === name);
    const start = Date.parse(at("start")?.valueInstant ?? "");
    const device = at("device")?.valueString;
    const whole = at("values")?.valueSampledData;
    if (whole) {
      // So few samples that they come as they are, each with its own instant.
      const offsets = (at("offsets")?.valueString ?? "").split(" ").map(Number);
      const data = numbers(whole).map((value, place) => [start + (offsets[place] ?? 0), value]);
      return [{ name: device ?? said("mean"), type: "line", data, showSymbol: data.length < 60, symbolSize: 5 }];
    }
    return NAMES.flatMap((name) => {
      const sampled = at(name)?.valueSampledData;
      if (!sampled) return [];
      const values = numbers(sampled).map((value, place) => [start + place * sampled.period, value]);
      return [{
        name: [said(name), device].filter(Boolean).join(" · "), type: "line", connectNulls: false, data: values,
        showSymbol: values.filter(([, value]) => value !== null).length < 60, symbolSize: 5,
        lineStyle: { width: name === "mean" ? 2 : 1, type: name === "mean" ? "solid" : "dashed" },
      }];
    });
  });
}
