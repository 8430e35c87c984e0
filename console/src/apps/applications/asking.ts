// What is asked of an application that is registered, as a Questionnaire; what fits, the platform says.
import { entries } from "~/fhir/reading";
import { question, questionnaire, type Words } from "~/ui/questionnaire/asking";

type Item = fhir4.QuestionnaireItem;

export function asked(t: Words, owners: fhir4.Bundle | undefined): fhir4.Questionnaire {
  const item = (linkId: string, type: Item["type"], more?: Partial<Item>): Item => question(linkId, type, t(`ask.${linkId}`), more);
  const institutions = entries<fhir4.Organization>(owners).map((one) => ({
    valueCoding: { system: "urn:kangyun:reference", code: `Organization/${one.id ?? ""}`, display: one.name },
  }));
  return questionnaire(t("add"), [
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
  ]);
}
