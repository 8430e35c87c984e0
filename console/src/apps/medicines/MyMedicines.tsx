// Medicines that were prescribed: a drug stands once, with where and when last; those that run first.
import { useTranslation } from "react-i18next";
import { Listing } from "~/portal/listing";
import { Aloud } from "~/ui/plain/Aloud";
import { Card, Empty } from "~/ui/plain/parts";
import { dayOf } from "~/ui/time";
import { drugsOf, type Drug } from "./drugs";

type Prescription = fhir4.MedicationRequest;
type Others = Map<string, fhir4.FhirResource>;

export default function MyMedicines() {
  const { t } = useTranslation("translation", { keyPrefix: "medicines" });
  return (
    <>
      <p className="hint">{t("about")}</p>
      <Listing<Prescription>
        type="MedicationRequest" empty={<Empty say={t("none")} />}
        search={{ _sort: "-authoredon", _count: 40, _include: "MedicationRequest:encounter" }}
      >
        {(all, others) => {
          const drugs = drugsOf(all);
          return (
            <>
              <Medicines title={t("now")} these={drugs.filter((one) => one.runs)} others={others} aloud />
              <Medicines title={t("before")} these={drugs.filter((one) => !one.runs)} others={others} />
            </>
          );
        }}
      </Listing>
    </>
  );
}

function Medicines({ title, these, others, aloud = false }: { title: string; these: Drug[]; others: Others; aloud?: boolean }) {
  const { t } = useTranslation("translation", { keyPrefix: "medicines" });
  if (!these.length) return null;
  return (
    <Card title={title}>
      {aloud ? <Aloud text={these.map((one) => `${one.name}，${how(one.last)}`).join("。")} /> : null}
      <ul className="rows">
        {these.map(({ name, last, earlier }) => (
          <li key={name + last.id} className="row">
            <div>
              <strong>{name}</strong>
              <span className="block">{how(last)}</span>
              <span className="hint block">{where(last, others)}</span>
              {earlier.length ? (
                <details>
                  <summary>{t("earlier", { count: earlier.length })}</summary>
                  {earlier.map((one) => <span key={one.id} className="hint block">{[where(one, others), how(one)].join(" ")}</span>)}
                </details>
              ) : null}
            </div>
          </li>
        ))}
      </ul>
    </Card>
  );
}

const how = (one: Prescription): string => (one.dosageInstruction?.[0]?.text ?? "").replaceAll(",", "，");

/** When, at which institution and by whom; the institution is that of the visit. */
function where(one: Prescription, others: Others): string {
  const visit = others.get(one.encounter?.reference ?? "") as fhir4.Encounter | undefined;
  return [dayOf(one.authoredOn), visit?.serviceProvider?.display, one.requester?.display].filter(Boolean).join(" ");
}
