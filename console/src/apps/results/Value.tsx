// A value with its unit, the laboratory's own range, and high or low in words and by a sign.
import type { TFunction } from "i18next";
import { useTranslation } from "react-i18next";
import { said } from "~/fhir/reading";
import { flagOf, rangeOf, valueOf } from "~/fhir/results";
import { Mark } from "~/ui/plain/parts";

export function Value({ one }: { one: fhir4.Observation | fhir4.ObservationComponent }) {
  const { t, i18n } = useTranslation("translation", { keyPrefix: "results" });
  const flag = flagOf(one.interpretation);
  const range = rangeOf(one.referenceRange);
  return (
    <>
      <p className="value">{valueOf(one, i18n.language)} {flag ? <Mark kind={flag}>{t(`flag.${flag}`)}</Mark> : null}</p>
      <p className="hint">{range ? t("range", { range }) : t("noRange")}</p>
    </>
  );
}

/** The same as a sentence to be read aloud. */
export function spoken(one: fhir4.Observation, t: TFunction<"translation", "results">, language: string): string {
  const flag = flagOf(one.interpretation);
  const range = rangeOf(one.referenceRange);
  return [`${said(one.code)}${valueOf(one, language)}`, flag ? t(`flag.${flag}`) : "", range ? t("range", { range }) : ""].filter(Boolean).join("，");
}
