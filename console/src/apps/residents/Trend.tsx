// The course of one item in one unit, a line for each institution, with the band that each calls normal.
import { Alert, Card, Flex, Segmented, Typography } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { Chart } from "~/ui/Chart";
import { Rows } from "~/ui/Rows";
import { clause, comma } from "~/ui/joining";
import { bandSaid, flagSaid, unitSaid, valueSaid } from "./measuring";
import { houseOf, type Test } from "./view";

const COLOURS = ["#0f5fa8", "#b42318", "#216e39", "#9a5b00", "#6941c6", "#0e7490"];
const SIGNS = ["circle", "rect", "triangle", "diamond", "pin", "arrow"];

interface Shown { test: Test; houses: string[]; others: Test[]; about: string }

export function Trend({ test, houses, others, about }: Shown) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const [as, setAs] = useState("chart");
  const option = useMemo(() => drawn(test, houses, t("tests.band")), [test, houses, t]);
  const unit = unitSaid(test.unit);
  const title = unit ? t("tests.in", { what: test.what, unit }) : test.what;
  const bands = (test.bands ?? []).map((one) => `${houseOf(houses, one.house)} ${bandSaid(one)}`.trim());
  const isChart = as === "chart" && (test.points?.length ?? 0) > 0;
  return (
    <Card
      id="trend" size="small" title={<h2 style={{ fontSize: 15, margin: 0 }}>{title}</h2>}
      extra={<Segmented size="small" value={as} onChange={setAs} options={["chart", "table"].map((value) => ({ value, label: t(`tests.${value}`) }))} />}
    >
      <Flex vertical gap={8}>
        {isChart ? <Chart option={option} height={280} label={t("tests.label", { what: title, count: test.points?.length ?? 0 })} /> : <Values test={test} houses={houses} title={title} about={about} />}
        {bands.length > 0 ? <Typography.Text type="secondary">{t("tests.bands", { bands: [...new Set(bands)].join(clause()) })}</Typography.Text> : null}
        {others.length > 0 ? <Alert type="info" showIcon title={t("tests.other-units", { units: others.map((one) => unitSaid(one.unit) || t("tests.words")).join(comma()) })} /> : null}
      </Flex>
    </Card>
  );
}

function Values({ test, houses, title, about }: { test: Test; houses: string[]; title: string; about: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "residents" });
  const rows = [
    ...(test.points ?? []).map((point, place) => ({ id: `p${place}`, when: point[0], value: valueSaid(point), house: point[2], flag: point[3] })),
    ...(test.said ?? []).map(([when, value, house], place) => ({ id: `s${place}`, when, value: value as string | number, house, flag: "" })),
  ];
  return (
    <Rows
      dataSource={rows} exported={{ title, about: () => `Patient/${about}` }}
      columns={[
        { title: t("tests.when"), text: (one) => one.when },
        { title: t("tests.value"), text: (one) => one.value, align: "right" },
        { title: t("tests.flag"), text: (one) => flagSaid(one.flag, t) },
        { title: t("tests.house"), text: (one) => houseOf(houses, one.house) },
      ]}
    />
  );
}

function drawn(test: Test, houses: string[], band: string) {
  const points = test.points ?? [];
  const values = points.map((one) => one[1]);
  const places = [...new Set(points.map((one) => one[2]))];
  const bandOf = (place: number) => test.bands?.find((one) => one.house === place);
  // Bands that are the same are drawn once: one over the other would look like another.
  const drawnBands = new Set<string>();
  return {
    grid: { left: 8, right: 16, top: 40, bottom: 52, containLabel: true },
    legend: { top: 0, left: 0, type: "plain" },
    tooltip: { trigger: "axis", renderMode: "richText", confine: true },
    xAxis: { type: "time" },
    yAxis: { type: "value", scale: true, name: unitSaid(test.unit) },
    dataZoom: [{ type: "slider", height: 18, bottom: 6 }, { type: "inside" }],
    series: places.map((place, nth) => {
      const range = bandOf(place);
      const said = bandSaid(range);
      const isNew = said !== "" && !drawnBands.has(said);
      drawnBands.add(said);
      return {
        name: houseOf(houses, place) || "—", type: "line", symbol: SIGNS[nth % SIGNS.length], symbolSize: 7,
        color: COLOURS[nth % COLOURS.length], lineStyle: { width: 1.5 },
        // A bound stands at its number with its sign: nobody takes it for what was measured.
        data: points.filter((one) => one[2] === place).map((one) => ({
          value: [one[0], one[1], valueSaid(one)],
          label: { show: Boolean(one[4]), formatter: String(valueSaid(one)), position: "top", color: "inherit" },
        })),
        encode: { x: 0, y: 1, tooltip: 2 }, dimensions: [null, null, { name: "said", type: "ordinal" }],
        ...(isNew && range ? {
          markArea: {
            silent: true, itemStyle: { color: COLOURS[nth % COLOURS.length], opacity: 0.1 },
            label: { show: true, position: "insideTopRight", color: "inherit", formatter: `${band} ${said}` },
            data: [[{ yAxis: range.low ?? Math.min(0, ...values) }, { yAxis: range.high ?? Math.max(...values) * 10 }]],
          },
        } : {}),
      };
    }),
  };
}
