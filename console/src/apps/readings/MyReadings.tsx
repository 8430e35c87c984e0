// What was measured at home and elsewhere, newest first, and the way to write down more. Pressure stands first.
import { useQuery } from "@tanstack/react-query";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { entries } from "~/fhir/reading";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Glyph } from "~/ui/plain/Glyph";
import { Card, Waiting } from "~/ui/plain/parts";
import { minuteOf } from "~/ui/time";
import { KINDS, type Kind } from "./kinds";
import { measured, placeOf } from "./measured";

export default function MyReadings() {
  return KINDS.map((kind) => <Readings key={kind.name} kind={kind} />);
}

function Readings({ kind }: { kind: Kind }) {
  const { t, i18n } = useTranslation("translation", { keyPrefix: "readings" });
  const { client, person } = useMe();
  const found = useQuery({
    queryKey: ["readings", person.id, kind.name],
    queryFn: () => client.get<fhir4.Bundle>("Observation", {
      patient: person.patient, code: kind.codes.map((one) => `http://loinc.org|${one}`).join(","), _sort: "-date", _count: kind.name === "pressure" ? 8 : 3,
    }),
  });
  const [last, ...before] = entries<fhir4.Observation>(found.data);
  return (
    <Card title={t(`kind.${kind.name}`)}>
      {found.isPending ? <Waiting /> : null}
      <Fault error={found.error} again={() => void found.refetch()} />
      {last ? (
        <>
          <p className="value">{measured(last, i18n.language)}</p>
          <p className="hint">{minuteOf(last.effectiveDateTime)} {t(placeOf(last))}</p>
        </>
      ) : found.isSuccess ? <p>{t("none")}</p> : null}
      <Link className={kind.name === "pressure" ? "button first" : "button"} to={`/readings/add/${kind.name}`}>
        <Glyph name="plus" />{t(`add.${kind.name}`)}
      </Link>
      {before.length ? (
        <details>
          <summary>{t("before")}</summary>
          <dl className="facts">
            {before.map((one) => <div key={one.id}><dt>{minuteOf(one.effectiveDateTime)} {t(placeOf(one))}</dt><dd>{measured(one, i18n.language)}</dd></div>)}
          </dl>
        </details>
      ) : null}
    </Card>
  );
}
