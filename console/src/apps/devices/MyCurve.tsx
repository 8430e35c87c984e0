// One curve, from an hour to a year, and the same figures in a table. What is silent is a gap, never a line.
import { useQuery } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { answered } from "~/fhir/parameters";
import { said } from "~/fhir/reading";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Card, Empty, Waiting } from "~/ui/plain/parts";
import { minuteOf } from "~/ui/time";
import { Curve } from "./Curve";
import { stretches } from "./stretches";

const SPANS = { hour: 1 / 24, day: 1, week: 7, month: 30, year: 365 };
const POINTS = 120;
const ROWS = 30;

export default function MyCurve() {
  const { metric = "" } = useParams();
  const { t } = useTranslation("translation", { keyPrefix: "devices" });
  const { client, person } = useMe();
  const [span, setSpan] = useState<keyof typeof SPANS>("day");
  const found = useQuery({
    queryKey: ["series", person.id, metric, span],
    queryFn: () => {
      const start = new Date(Date.now() - SPANS[span] * 86_400_000).toISOString();
      return client.get<fhir4.Parameters>(`Patient/${person.resident}/$series`, { metric, start, points: POINTS });
    },
  });
  const series = answered(found.data).all("series");
  const points = series.flatMap((one) => stretches(one)).sort((one, other) => one.at - other.at);
  const title = said(series[0]?.value<fhir4.CodeableConcept>("code"));
  return (
    <>
      <div className="steps" role="group" aria-label={t("span")}>
        {(Object.keys(SPANS) as (keyof typeof SPANS)[]).map((one) => (
          <button key={one} type="button" className="button" aria-pressed={span === one} onClick={() => setSpan(one)}>{t(`spans.${one}`)}</button>
        ))}
      </div>
      <Fault error={found.error} again={() => void found.refetch()} />
      {found.isPending ? <Waiting /> : null}
      {found.isSuccess && !points.length ? <Empty say={t("noCurve")} /> : null}
      {points.length ? (
        <Card title={title}>
          <Curve points={points} days={SPANS[span]} label={t("curve", { title })} />
          <details>
            <summary>{t("table")}</summary>
            <dl className="facts">
              {points.slice(-ROWS).reverse().map((one) => (
                <div key={one.at}><dt>{minuteOf(one.at)}</dt><dd>{one.low === one.high ? one.mean : `${one.low}-${one.high}`}</dd></div>
              ))}
            </dl>
          </details>
        </Card>
      ) : null}
    </>
  );
}
