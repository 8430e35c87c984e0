// Where the resident was, when, and what the doctor wrote down.
import { useTranslation } from "react-i18next";
import { said } from "~/fhir/reading";
import { Listing } from "~/portal/listing";
import { comma } from "~/ui/joining";
import { Card, Empty } from "~/ui/plain/parts";
import { dayOf } from "~/ui/time";

export default function MyVisits() {
  const { t } = useTranslation("translation", { keyPrefix: "visits" });
  return (
    <Listing<fhir4.Encounter> type="Encounter" search={{ _sort: "-date", _include: "Encounter:diagnosis" }} empty={<Empty say={t("none")} />}>
      {(visits, others) => visits.map((one) => {
        const reasons = (one.diagnosis ?? []).flatMap((each) => said((others.get(each.condition.reference ?? "") as fhir4.Condition | undefined)?.code) || []);
        return (
          <Card key={one.id} title={one.serviceProvider?.display ?? t("somewhere")}>
            <p className="hint">{days(one.period)} {t(`class.${one.class.code}`, { defaultValue: "" })}</p>
            <dl className="facts">
              {one.serviceType ? <div><dt>{t("department")}</dt><dd>{said(one.serviceType)}</dd></div> : null}
              {one.participant?.[0]?.individual?.display ? <div><dt>{t("doctor")}</dt><dd>{one.participant[0].individual.display}</dd></div> : null}
              {reasons.length ? <div><dt>{t("reasons")}</dt><dd>{reasons.join(comma())}</dd></div> : null}
            </dl>
          </Card>
        );
      })}
    </Listing>
  );
}

function days(period: fhir4.Period | undefined): string {
  const first = dayOf(period?.start);
  const last = dayOf(period?.end);
  return last && last !== first ? `${first} - ${last}` : first;
}
