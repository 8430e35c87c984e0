// Registrations side by side: what each says, how well it agrees, and how much that weighs.
import { Skeleton, Typography } from "antd";
import { useTranslation } from "react-i18next";
import type { Step } from "./desk";
import { FIELDS, valuesOf } from "./said";

interface Shown {
  sides: { head: string; person: fhir4.Patient | undefined }[];
  steps: Step[];
  loading: boolean;
}

export function Beside({ sides, steps, loading }: Shown) {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  if (loading) return <Skeleton active />;
  const of = new Map(steps.map((one) => [one.what, one]));
  const cell = (person: fhir4.Patient | undefined, field: (typeof FIELDS)[number]) =>
    valuesOf(person, field).map((one) => <div key={one}>{field === "sex" ? t(`sexes.${one}`) : one}</div>);
  return (
    <div className="identity-scroll" tabIndex={0} role="region" aria-label={t("beside")}>
      <table className="identity-beside">
        <thead>
          <tr>
            <th scope="col">{t("field")}</th>
            {sides.map((one) => <th key={one.head} scope="col">{one.head}</th>)}
            {steps.length > 0 ? <th scope="col">{t("agrees")}</th> : null}
          </tr>
        </thead>
        <tbody>
          {FIELDS.map((field) => (
            <tr key={field}>
              <th scope="row">{t(`fields.${field}`)}</th>
              {sides.map((one) => <td key={one.head}>{cell(one.person, field)}</td>)}
              {steps.length > 0 ? <td><Weighs step={of.get(field)} /></td> : null}
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

/** How a comparison came out, in words, with a sign for which way it speaks; how much, by its bits as rules have them. */
export function Weighs({ step }: { step: Step | undefined }) {
  const { t } = useTranslation("translation", { keyPrefix: "identity" });
  if (!step) return null;
  const way = step.bits > 0 ? "for" : step.bits < 0 ? "against" : "neither";
  const type = ({ for: "success", against: "danger", neither: "secondary" } as const)[way];
  const bits = step.bits > 0 ? `+${step.bits}` : String(step.bits);
  return (
    <>
      <div>{t(`levels.${step.level}`, { defaultValue: step.level })}</div>
      <Typography.Text type={type}>{t(`ways.${way}`, { bits })}</Typography.Text>
    </>
  );
}
