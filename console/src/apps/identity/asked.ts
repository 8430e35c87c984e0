// What is asked before an act: why it is done. Whether a reason will do, the platform says.
import { question, questionnaire, type Words } from "~/ui/questionnaire/asking";

export interface Reason {
  reason: string;
}

export const reasonAsked = (t: Words, title: string): fhir4.Questionnaire =>
  questionnaire(title, [question("reason", "string", t("reason"), { required: true, maxLength: 500, help: t("reason-kept") })]);
