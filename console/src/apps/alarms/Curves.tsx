// The person's curves beside an alarm, with the limits that stand for him. What is silent is a gap, never a line.
import { useQuery } from "@tanstack/react-query";
import { Card, Flex, Segmented, Skeleton, Typography, theme } from "antd";
import { useMemo, useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered } from "~/fhir/parameters";
import { Chart } from "~/ui/Chart";
import { Nothing } from "~/ui/Nothing";
import { ProblemBox } from "~/ui/ProblemBox";
import { aside, comma } from "~/ui/joining";
import { minuteOf } from "~/ui/time";
import { curvesOf, limitsOf, optionOf } from "./curve";

const DAYS = { day: 1, week: 7, month: 30, year: 365 } as const;
type Span = keyof typeof DAYS;

export function Curves({ path, metrics }: { path: string; metrics: string[] }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const client = useClient();
  const { token } = theme.useToken();
  const [span, setSpan] = useState<Span>("week");
  const asked = metrics.join(",");
  const series = useQuery({
    queryKey: ["series", path, asked, span],
    queryFn: () => client.get<fhir4.Parameters>(path, { metric: asked, start: new Date(Date.now() - DAYS[span] * 86_400_000).toISOString(), points: 300 }),
  });
  const limits = useQuery({
    queryKey: ["limits", path],
    queryFn: () => client.get<fhir4.Parameters>(path.replace("$series", "$limits")),
  });
  const curves = useMemo(() => curvesOf(answered(series.data)), [series.data]);
  const lines = useMemo(() => limitsOf(answered(limits.data), metrics), [limits.data, metrics]);
  const option = useMemo(
    () => optionOf(curves, lines, { level: (one) => t(`level.${one}`), own: t("own-limit"), limit: t("limit") }, [token.colorPrimary, token.colorInfo, token.colorWarning], token.colorError),
    [curves, lines, token, t],
  );
  const last = curves.map((one) => one.points.at(-1)).filter((one) => one !== undefined);
  return (
    <Card
      size="small" title={<h3 style={{ fontSize: 14, margin: 0 }}>{t("curves")}</h3>}
      extra={<Segmented<Span> size="small" aria-label={t("span")} value={span} onChange={setSpan} options={(Object.keys(DAYS) as Span[]).map((one) => ({ value: one, label: t(`spans.${one}`) }))} />}
    >
      <ProblemBox error={series.error ?? limits.error} again={() => void series.refetch()} />
      {series.isPending ? <Skeleton active /> : null}
      {series.isSuccess && curves.length === 0 ? <Nothing say={t("no-curve")} /> : null}
      {curves.length ? (
        <Flex vertical gap={4}>
          <Chart option={option} height={240} label={curves.map((one) => one.title).join(comma())} />
          <Typography.Text type="secondary">
            {curves.map((one, place) => `${one.title} ${last[place]?.[1] ?? ""} ${one.unit}`).join("　")}
            {last[0] ? aside(minuteOf(last[0][0])) : ""}
          </Typography.Text>
          <Typography.Text type="secondary">{t("limit-say")}</Typography.Text>
        </Flex>
      ) : null}
    </Card>
  );
}
