// What the resident's devices measured last, each of it with its curve.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { answered } from "~/fhir/parameters";
import { said } from "~/fhir/reading";
import { unitOf } from "~/fhir/results";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Card, Empty, Waiting } from "~/ui/plain/parts";
import { minuteOf } from "~/ui/time";

const OWN = "urn:kangyun:code-system:metric";
/** What says something to nobody: how a device is, where it is, what belongs to another value. */
const SILENT = new Set(["latitude", "longitude", "datum", "battery", "motion", "in-bed", "meal-context", "pulse-quality", "perfusion-index", "sleep-stage", "room-temperature", "room-humidity"]);

export default function MyDevices() {
  const { t, i18n } = useTranslation("translation", { keyPrefix: "devices" });
  const { client, person } = useMe();
  const found = useQuery({
    queryKey: ["last-readings", person.id],
    queryFn: () => client.get<fhir4.Parameters>(`Patient/${person.resident}/$last-readings`),
    refetchInterval: 60_000,
  });
  if (found.isPending) return <Waiting />;
  const readings = answered(found.data).all("reading").map((one) => {
    const concept = one.value<fhir4.CodeableConcept>("code");
    const metric = concept?.coding?.find((each) => each.system === OWN)?.code ?? "";
    const marks = one.values<string>("mark");
    return { metric, title: said(concept), quantity: one.value<fhir4.Quantity>("value"), at: one.text("at"), typed: marks.includes("typed") };
  });
  const shown = readings.filter((one, place) => !SILENT.has(one.metric) && readings.findIndex((other) => other.metric === one.metric) === place);
  return (
    <>
      <Fault error={found.error} again={() => void found.refetch()} />
      {found.isSuccess && !shown.length ? <Empty say={t("none")} /> : null}
      {shown.length ? (
        <Card title={t("last")}>
          <ul className="rows">
            {shown.map((one) => (
              <li key={one.metric}>
                <Link className="row" to={`/devices/${one.metric}`}>
                  <span>{one.title}<span className="hint block">{minuteOf(one.at)} {t(one.typed ? "typed" : "device")}</span></span>
                  <span className="value">{one.quantity?.value} <small>{unitOf(one.quantity, i18n.language)}</small></span>
                </Link>
              </li>
            ))}
          </ul>
        </Card>
      ) : null}
      <p className="hint">{t("quiet")}</p>
    </>
  );
}
