// Medicines that were prescribed: those that run first.
import { useTranslation } from "react-i18next";
import { said } from "~/fhir/reading";
import { Listing } from "~/portal/listing";
import { Aloud } from "~/ui/plain/Aloud";
import { Card, Empty } from "~/ui/plain/parts";
import { dayOf } from "~/ui/time";

export default function MyMedicines() {
  const { t } = useTranslation("translation", { keyPrefix: "medicines" });
  return (
    <>
      <p className="hint">{t("about")}</p>
      <Listing<fhir4.MedicationRequest> type="MedicationRequest" search={{ _sort: "-authoredon", _count: 40 }} empty={<Empty say={t("none")} />}>
        {(all) => (
          <>
            <Medicines title={t("now")} these={all.filter((one) => one.status === "active")} aloud />
            <Medicines title={t("before")} these={all.filter((one) => one.status !== "active")} />
          </>
        )}
      </Listing>
    </>
  );
}

function Medicines({ title, these, aloud = false }: { title: string; these: fhir4.MedicationRequest[]; aloud?: boolean }) {
  if (!these.length) return null;
  const how = (one: fhir4.MedicationRequest) => (one.dosageInstruction?.[0]?.text ?? "").replaceAll(",", "，");
  return (
    <Card title={title}>
      {aloud ? <Aloud text={these.map((one) => `${said(one.medicationCodeableConcept)}，${how(one)}`).join("。")} /> : null}
      <ul className="rows">
        {these.map((one) => (
          <li key={one.id} className="row">
            <span>
              <strong>{said(one.medicationCodeableConcept)}</strong>
              <span className="block">{how(one)}</span>
              <span className="hint block">{dayOf(one.authoredOn)} {one.requester?.display ?? ""}</span>
            </span>
          </li>
        ))}
      </ul>
    </Card>
  );
}
