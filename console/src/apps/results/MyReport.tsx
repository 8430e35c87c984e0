// One report: its results with the laboratory's own range, in words, and read aloud.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link, useParams } from "react-router";
import { entries, said } from "~/fhir/reading";
import { useMe } from "~/portal/session";
import { Aloud } from "~/ui/plain/Aloud";
import { Fault } from "~/ui/plain/Fault";
import { Card, Empty, Waiting } from "~/ui/plain/parts";
import { dayOf } from "~/ui/time";
import { spoken, Value } from "./Value";

export default function MyReport() {
  const { id = "" } = useParams();
  const { t, i18n } = useTranslation("translation", { keyPrefix: "results" });
  const { client, person } = useMe();
  const found = useQuery({
    queryKey: ["report", person.id, id],
    // An address may be another's, of before somebody else was chosen: it is asked for as this person's only.
    queryFn: () => client.get<fhir4.Bundle>("DiagnosticReport", { _id: id, patient: person.patient, _include: "DiagnosticReport:result", _count: 1 }),
  });
  if (found.isPending) return <Waiting />;
  const all = entries<fhir4.FhirResource>(found.data);
  const report = all.find((one): one is fhir4.DiagnosticReport => one.resourceType === "DiagnosticReport");
  const order = (report?.result ?? []).map((one) => one.reference);
  const results = all
    .filter((one): one is fhir4.Observation => one.resourceType === "Observation")
    .sort((one, other) => order.indexOf(`Observation/${one.id}`) - order.indexOf(`Observation/${other.id}`));
  if (!report) return found.error ? <Fault error={found.error} again={() => void found.refetch()} /> : <Empty say={t("gone")} />;
  const aloud = [said(report.code), ...results.map((one) => spoken(one, t, i18n.language))].join("。");
  return (
    <>
      <Card title={said(report.code)}>
        <p className="hint">{dayOf(report.effectiveDateTime ?? report.issued)} {report.performer?.[0]?.display ?? ""}</p>
        <Aloud text={aloud} />
      </Card>
      {results.map((one) => (
        <Card key={one.id} title={said(one.code)}>
          <Value one={one} />
          <Link className="button" to={`/results/${one.id}`}>{t("what", { name: said(one.code) })}</Link>
        </Card>
      ))}
      {report.conclusion ? <Card title={t("conclusion")}><p>{report.conclusion}</p></Card> : null}
      <p className="hint">{t("ask")}</p>
    </>
  );
}
