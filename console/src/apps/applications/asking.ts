// What is asked of an application that is registered, as a Questionnaire; what fits, the platform says.
import { entries } from "~/fhir/reading";

type Item = fhir4.QuestionnaireItem;

export function asked(t: (key: string) => string, owners: fhir4.Bundle | undefined): fhir4.Questionnaire {
  const item = (linkId: string, type: Item["type"], more: Partial<Item> = {}): Item => ({ linkId, type, text: t(`ask.${linkId}`), ...more });
  const institutions = entries<fhir4.Organization>(owners).map((one) => ({
    valueCoding: { system: "urn:kangyun:reference", code: `Organization/${one.id ?? ""}`, display: one.name },
  }));
  return {
    resourceType: "Questionnaire",
    status: "active",
    title: t("add"),
    item: [
      item("name", "string", { required: true, maxLength: 80 }),
      item("owner", "choice", { required: true, answerOption: institutions }),
      item("evidence", "string", { required: true, maxLength: 200 }),
      item("scopes", "text", { required: true }),
      item("redirects", "text"),
      item("launch", "url"),
      item("jwksUri", "url"),
      item("jwks", "text", { enableWhen: [{ question: "jwksUri", operator: "exists", answerBoolean: false }] }),
      item("rate", "decimal"),
      item("quota", "integer"),
      item("days", "integer", { initial: [{ valueInteger: 365 }] }),
    ],
  };
}

/** The answers as the platform takes them. */
export function answersOf(response: fhir4.QuestionnaireResponse): Record<string, string | number> {
  const told: Record<string, string | number> = {};
  for (const one of response.item ?? []) {
    const answer = one.answer?.[0];
    const value = answer?.valueCoding?.code ?? answer?.valueString ?? answer?.valueUri ?? answer?.valueDecimal ?? answer?.valueInteger;
    if (value !== undefined) told[one.linkId] = value;
  }
  return told;
}
