// A form of the console as data: its questions, and what may be answered to them. Their words are from the texts of an app.
//
// Source: https://hl7.org/fhir/R4/questionnaire.html, https://hl7.org/fhir/R4/extension-questionnaire-itemcontrol.html
type Item = fhir4.QuestionnaireItem;

/** The words of an app, by their key. */
export type Words = (key: string) => string;

interface More extends Partial<Item> {
  /** What stands below the field. */
  help?: string;
  /** What stands in the field while it is empty. */
  entryFormat?: string;
}

const CONTROL = "http://hl7.org/fhir/StructureDefinition/questionnaire-itemControl";
const ENTRY_FORMAT = "http://hl7.org/fhir/StructureDefinition/entryFormat";
const HELP: fhir4.Extension = { url: CONTROL, valueCodeableConcept: { coding: [{ system: "http://hl7.org/fhir/questionnaire-item-control", code: "help" }] } };

export const questionnaire = (title: string, item: Item[]): fhir4.Questionnaire => ({ resourceType: "Questionnaire", status: "active", title, item });

export function question(linkId: string, type: Item["type"], text: string, { help, entryFormat, ...more }: More = {}): Item {
  return {
    linkId, type, text, ...more,
    ...(help ? { item: [{ linkId: `${linkId}-help`, type: "display", text: help, extension: [HELP] }] } : {}),
    ...(entryFormat ? { extension: [{ url: ENTRY_FORMAT, valueString: entryFormat }] } : {}),
  };
}

/** A choice of codes, each with its words. first: the one that is chosen already. */
export function choice(linkId: string, text: string, codes: readonly (readonly [string, string])[], { first, ...more }: More & { first?: string } = {}): Item {
  const answerOption = codes.map(([code, display]) => ({ valueCoding: { code, display }, ...(code === first ? { initialSelected: true } : {}) }));
  return question(linkId, "choice", text, { ...more, answerOption });
}

/** Of a question that is asked only while another's answer is this code, or is not. */
export const when = (other: string, code: string, operator: "=" | "!=" = "="): Partial<Item> => ({ enableWhen: [{ question: other, operator, answerCoding: { code } }] });

export const isHelp = (item: Item): boolean => item.extension?.some((one) => one.valueCodeableConcept?.coding?.[0]?.code === "help") ?? false;
export const helpOf = (item: Item): string | undefined => item.item?.find(isHelp)?.text;
export const entryFormatOf = (item: Item): string | undefined => item.extension?.find((one) => one.url === ENTRY_FORMAT)?.valueString;
