// What was filled into a Questionnaire, and its QuestionnaireResponse. Pure: nothing is drawn or fetched here.
//
// Source: https://hl7.org/fhir/R4/questionnaire.html, https://hl7.org/fhir/R4/questionnaireresponse.html
type Item = fhir4.QuestionnaireItem;
export type Answer = fhir4.QuestionnaireResponseItemAnswer;

/** One item: its answers, and the items below it; a group that repeats has several lists of these. */
export interface Filled {
  linkId: string;
  answers: Answer[];
  below: Filled[][];
}

export type Faults = Record<string, string>;

/** Returns an empty form with what the Questionnaire begins with. */
export function empty(items: readonly Item[] = []): Filled[] {
  return items.map(emptyOf);
}

const emptyOf = (item: Item): Filled => ({ linkId: item.linkId, answers: begun(item), below: [empty(item.item)] });

/** What was filled into one item; a form may come to have others than it began with. */
export const filledIn = (item: Item, filled: readonly Filled[]): Filled => filled.find((one) => one.linkId === item.linkId) ?? emptyOf(item);

/** Returns a form that holds a response, such as one that was kept. */
export function filledFrom(items: readonly Item[] = [], given: readonly fhir4.QuestionnaireResponseItem[] = []): Filled[] {
  return items.map((item) => {
    const own = given.filter((one) => one.linkId === item.linkId);
    if (own.length === 0) return emptyOf(item);
    if (item.type === "group") return { linkId: item.linkId, answers: [], below: own.map((one) => filledFrom(item.item, one.item)) };
    const answers = own.flatMap((one) => one.answer ?? []);
    return { linkId: item.linkId, answers, below: [filledFrom(item.item, answers[0]?.item)] };
  });
}

function begun(item: Item): Answer[] {
  const options = (item.answerOption ?? []).filter((one) => one.initialSelected).map((one) => optionAnswer(one));
  return [...((item.initial ?? []) as Answer[]), ...options];
}

export function optionAnswer(option: fhir4.QuestionnaireItemAnswerOption): Answer {
  const { valueCoding, valueString, valueInteger, valueDate, valueTime } = option;
  if (valueCoding) return { valueCoding };
  if (valueString !== undefined) return { valueString };
  if (valueInteger !== undefined) return { valueInteger };
  return valueDate !== undefined ? { valueDate } : { valueTime };
}

/** What an answer says, for people. */
export function wordsOf(answer: Answer): string {
  const coding = answer.valueCoding;
  if (coding) return coding.display ?? coding.code ?? "";
  return String(valueOf(answer) ?? "");
}

const VALUES = ["Boolean", "Decimal", "Integer", "Date", "DateTime", "Time", "String", "Uri"] as const;

function valueOf(answer: Answer): string | number | boolean | undefined {
  if (answer.valueQuantity) return answer.valueQuantity.value;
  if (answer.valueCoding) return `${answer.valueCoding.system ?? ""}|${answer.valueCoding.code ?? ""}`;
  for (const type of VALUES) {
    const value = (answer as Record<string, unknown>)[`value${type}`];
    if (value !== undefined) return value as string | number | boolean;
  }
  return undefined;
}

/** Whether an item is to be filled, by its `enableWhen`. all: the whole form, in which the questions are looked up. */
export function isEnabled(item: Item, all: readonly Filled[]): boolean {
  const conditions = item.enableWhen ?? [];
  if (conditions.length === 0) return true;
  const holds = (one: fhir4.QuestionnaireItemEnableWhen) => isMet(one, answersOf(one.question, all));
  return item.enableBehavior === "any" ? conditions.some(holds) : conditions.every(holds);
}

function isMet(condition: fhir4.QuestionnaireItemEnableWhen, answers: readonly Answer[]): boolean {
  if (condition.operator === "exists") return answers.length > 0 === (condition.answerBoolean ?? true);
  const { question: _, operator, ...rest } = condition;
  const wanted = valueOf(Object.fromEntries(Object.entries(rest).map(([name, value]) => [name.replace("answer", "value"), value])) as Answer);
  return answers.some((answer) => compares(valueOf(answer), operator, wanted));
}

type Value = string | number | boolean | undefined;

function compares(own: Value, operator: string, wanted: Value): boolean {
  if (own === undefined || wanted === undefined) return false;
  switch (operator) {
    case "=": return own === wanted;
    case "!=": return own !== wanted;
    case ">": return own > wanted;
    case "<": return own < wanted;
    case ">=": return own >= wanted;
    default: return own <= wanted;
  }
}

function answersOf(linkId: string, all: readonly Filled[]): Answer[] {
  return all.flatMap((one) => [
    ...(one.linkId === linkId ? one.answers : []),
    ...one.below.flatMap((list) => answersOf(linkId, list)),
  ]);
}

/** Returns what is still wanting, by place: a linkId, with the number of its group where that repeats. */
export function wanting(items: readonly Item[], filled: readonly Filled[], say: (item: Item) => string, all = filled, at = ""): Faults {
  const faults: Faults = {};
  for (const item of items) {
    if (!isEnabled(item, all) || item.type === "display") continue;
    const one = filledIn(item, filled);
    if (item.required && item.type !== "group" && said(one.answers).length === 0) faults[placeOf(at, item)] = say(item);
    one.below.forEach((list, number) => Object.assign(faults, wanting(item.item ?? [], list, say, all, belowOf(at, item, number))));
  }
  return faults;
}

/** Whether a question of this linkId stands in the form now. */
export function isAsked(linkId: string, items: readonly Item[], all: readonly Filled[]): boolean {
  return items.some((item) => isEnabled(item, all) && (item.linkId === linkId || isAsked(linkId, item.item ?? [], all)));
}

export const placeOf = (at: string, item: Item): string => `${at}${item.linkId}`;
export const belowOf = (at: string, item: Item, number: number): string => `${at}${item.linkId}[${number}]/`;

/** Returns the response: what is enabled and answered. */
export function responseOf(questionnaire: fhir4.Questionnaire, filled: readonly Filled[], authored: string): fhir4.QuestionnaireResponse {
  return {
    resourceType: "QuestionnaireResponse",
    questionnaire: questionnaire.url ?? `Questionnaire/${questionnaire.id ?? ""}`,
    status: "completed",
    authored,
    item: itemsOf(questionnaire.item ?? [], filled, filled),
  };
}

function itemsOf(items: readonly Item[], filled: readonly Filled[], all: readonly Filled[]): fhir4.QuestionnaireResponseItem[] {
  return items.flatMap((item): fhir4.QuestionnaireResponseItem[] => {
    if (item.type === "display" || !isEnabled(item, all)) return [];
    const one = filledIn(item, filled);
    const named = { linkId: item.linkId, ...(item.text ? { text: item.text } : {}) };
    const lists = one.below.map((list) => itemsOf(item.item ?? [], list, all));
    if (item.type === "group") return lists.filter((list) => list.length > 0).map((list) => ({ ...named, item: list }));
    const [first, ...others] = said(one.answers);
    if (!first) return [];
    const below = lists[0]?.length ? { item: lists[0] } : {};
    return [{ ...named, answer: [{ ...first, ...below }, ...others] }];
  });
}

/** The answers without the blanks around them; blanks alone are no answer. */
function said(answers: readonly Answer[]): Answer[] {
  return answers.flatMap((one) => {
    const text = one.valueString?.trim();
    return text === undefined ? [one] : text ? [{ ...one, valueString: text }] : [];
  });
}
