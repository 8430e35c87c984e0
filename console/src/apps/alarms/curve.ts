// Series and limits as the platform answers them, made into what a chart draws. Nothing is judged here.
import type { EChartsCoreOption } from "echarts/core";
import type { Parts } from "~/fhir/parameters";
import { unitSaid } from "~/fhir/results";
import { language } from "~/ui/language";
import { minuteOf } from "~/ui/time";

const METRICS = "urn:kangyun:code-system:metric";
type Point = [at: number, value: number | null];

export interface Curve { metric: string; title: string; unit: string; points: Point[] }
export interface Limit { metric: string; level: string; value: number; own: boolean }

export function curvesOf(told: Parts): Curve[] {
  const found = new Map<string, Curve>();
  for (const one of told.all("series")) {
    const named = one.value<fhir4.CodeableConcept>("code");
    const metric = named?.coding?.find((coding) => coding.system === METRICS)?.code ?? "";
    const data = one.value<fhir4.SampledData>("values") ?? one.value<fhir4.SampledData>("mean");
    if (!data) continue;
    const code = data.origin.code ?? "";
    const curve = found.get(metric) ?? { metric, title: named?.text ?? metric, unit: unitSaid(code, language()), points: [] };
    curve.points.push(...pointsOf(one, data));
    found.set(metric, curve);
  }
  for (const one of found.values()) one.points.sort(([at], [other]) => at - other);
  return [...found.values()];
}

function pointsOf(one: Parts, data: fhir4.SampledData): Point[] {
  const start = Date.parse(one.text("start"));
  const offsets = one.text("offsets").split(" ").filter(Boolean).map(Number);
  const period = one.number("period") ?? 0;
  return (data.data ?? "").split(" ").flatMap((text, place): Point[] => {
    const at = start + (offsets.length ? (offsets[place] ?? 0) : (place + 0.5) * period);
    if (text === "E") return offsets.length ? [] : [[at, null]];
    return [[at, Number((Number(text) * (data.factor ?? 1) + (data.origin.value ?? 0)).toFixed(1))]];
  });
}

/** Limits that alarm: those that a doctor has set for the person stand in place of the table's. */
export function limitsOf(told: Parts, metrics: readonly string[]): Limit[] {
  const all = told.all("limit").flatMap((one): (Limit & { is: string })[] => {
    const value = one.number("value");
    if (value === null || !metrics.includes(one.text("metric")) || one.text("purpose") !== "告警") return [];
    return [{ metric: one.text("metric"), level: one.text("level"), value, own: one.yes("own"), is: one.text("is") }];
  });
  const own = new Set(all.filter((one) => one.own).map((one) => `${one.metric} ${one.level} ${one.is}`));
  return all.filter((one) => one.own || !own.has(`${one.metric} ${one.level} ${one.is}`));
}

interface Words { level: (level: string) => string; own: string; limit: string }

export function optionOf(curves: Curve[], limits: Limit[], words: Words, colours: string[], limitColour: string): EChartsCoreOption {
  const named = (one: Limit) => `${one.own ? words.own : words.limit} ${one.value}${words.level(one.level)}`;
  return {
    color: colours,
    grid: { left: 48, right: 16, top: 32, bottom: 28 },
    legend: { top: 0, data: curves.map((one) => one.title) },
    tooltip: { trigger: "axis", renderMode: "richText", confine: true, formatter: (shown: { value: Point; seriesName: string }[]) => tipOf(shown) },
    xAxis: { type: "time" },
    yAxis: { type: "value", scale: true },
    series: curves.map((curve) => ({
      name: curve.title, type: "line", connectNulls: false, symbolSize: 6, showSymbol: curve.points.length < 80 || isSparse(curve),
      data: curve.points,
      markLine: {
        silent: true, symbol: "none", lineStyle: { type: "dashed", color: limitColour },
        label: { position: "insideEndTop", color: limitColour },
        data: limits.filter((one) => one.metric === curve.metric && one.level !== "yellow").map((one) => ({ yAxis: one.value, label: { formatter: named(one) } })),
      },
    })),
  };
}

/** Whether most stretches are empty: then a value stands alone, and is seen by its mark only. */
const isSparse = (curve: Curve) => curve.points.filter(([, value]) => value !== null).length * 3 < curve.points.length;

function tipOf(shown: { value: Point; seriesName: string }[]): string {
  const there = shown.filter((one) => one.value[1] !== null);
  if (!there[0]) return "";
  return [minuteOf(there[0].value[0]), ...there.map((one) => `${one.seriesName} ${one.value[1]}`)].join("\n");
}
