// Vaccinations, newest first.
import { useTranslation } from "react-i18next";
import { said } from "~/fhir/reading";
import { Listing } from "~/portal/listing";
import { Card, Empty } from "~/ui/plain/parts";
import { dayOf } from "~/ui/time";

export default function MyVaccinations() {
  const { t } = useTranslation("translation", { keyPrefix: "vaccinations" });
  return (
    <Listing<fhir4.Immunization> type="Immunization" search={{ _sort: "-date" }} empty={<Empty say={t("none")} />}>
      {(all) => all.map((one) => {
        const dose = one.protocolApplied?.[0]?.doseNumberPositiveInt;
        return (
          <Card key={one.id} title={said(one.vaccineCode)}>
            <dl className="facts">
              <div><dt>{t("day")}</dt><dd>{dayOf(one.occurrenceDateTime)}</dd></div>
              {dose ? <div><dt>{t("dose")}</dt><dd>{t("nth", { dose })}</dd></div> : null}
              {one.location?.display ? <div><dt>{t("where")}</dt><dd>{one.location.display}</dd></div> : null}
              {one.lotNumber ? <div><dt>{t("lot")}</dt><dd>{one.lotNumber}</dd></div> : null}
            </dl>
          </Card>
        );
      })}
    </Listing>
  );
}
