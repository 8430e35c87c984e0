// The field of a question, by its type; a question that repeats has one field an answer.
import { Button, Flex, Input, InputNumber, Radio } from "antd";
import { useTranslation } from "react-i18next";
import { instantOf, localOf } from "../time";
import { Choice } from "./Choice";
import { entryFormatOf, helpOf } from "./asking";
import type { Answer } from "./filling";

export interface FieldShown {
  item: fhir4.QuestionnaireItem;
  id: string;
  answers: readonly Answer[];
  wrong: boolean;
  readOnly?: boolean;
  onChange: (answers: Answer[]) => void;
}

const UNIT = "http://hl7.org/fhir/StructureDefinition/questionnaire-unit";

export function Field(shown: FieldShown) {
  const { t } = useTranslation();
  const { item, id, answers, onChange } = shown;
  if (item.type === "choice" || item.type === "open-choice") return <Choice {...shown} />;
  if (!item.repeats) return <Single {...shown} answer={answers[0]} onAnswer={(answer) => onChange(answer ? [answer] : [])} />;
  const fields = [...answers, undefined];
  return (
    <Flex vertical gap={4}>
      {fields.slice(0, shown.readOnly ? answers.length : undefined).map((answer, number) => (
        <Flex key={number} gap={8}>
          <Single
            {...shown} id={number === 0 ? id : `${id}-${number}`} answer={answer}
            onAnswer={(to) => onChange([...answers.slice(0, number), ...(to ? [to] : []), ...answers.slice(number + 1)])}
          />
          {answer && !shown.readOnly ? (
            <Button aria-label={t("ui.remove-nth", { what: item.text ?? "", number: number + 1 })} onClick={() => onChange(answers.filter((_, other) => other !== number))}>
              {t("ui.remove")}
            </Button>
          ) : null}
        </Flex>
      ))}
    </Flex>
  );
}

type SingleShown = Omit<FieldShown, "answers" | "onChange"> & { answer: Answer | undefined; onAnswer: (answer: Answer | undefined) => void };

function Single({ item, id, answer, wrong, readOnly, onAnswer }: SingleShown) {
  const { t } = useTranslation();
  const common = {
    id, disabled: readOnly, "aria-invalid": wrong || undefined, "aria-required": item.required || undefined,
    "aria-describedby": [wrong ? `${id}-fault` : "", helpOf(item) ? `${id}-help` : ""].join(" ").trim() || undefined,
    "aria-label": item.text, placeholder: entryFormatOf(item), autoComplete: "off", style: { width: "100%" },
  };
  const text = (name: "valueString" | "valueDate" | "valueTime" | "valueUri") => ({
    value: answer?.[name] ?? "",
    onChange: (event: { target: { value: string } }) => onAnswer(event.target.value ? ({ [name]: event.target.value } as Answer) : undefined),
  });
  switch (item.type) {
    case "boolean":
      return (
        <Radio.Group
          id={id} disabled={readOnly} aria-label={item.text} value={answer?.valueBoolean} onChange={(event) => onAnswer({ valueBoolean: event.target.value as boolean })}
          options={[{ label: t("ui.yes"), value: true }, { label: t("ui.no"), value: false }]}
        />
      );
    case "integer":
      return <InputNumber {...common} precision={0} value={answer?.valueInteger ?? null} onChange={(value) => onAnswer(value === null ? undefined : { valueInteger: value })} />;
    case "decimal":
      return <InputNumber {...common} value={answer?.valueDecimal ?? null} onChange={(value) => onAnswer(value === null ? undefined : { valueDecimal: value })} />;
    case "quantity": {
      const unit = item.extension?.find((one) => one.url === UNIT)?.valueCoding ?? {};
      const { system, code, display = code } = unit;
      return (
        <InputNumber
          {...common} suffix={display} value={answer?.valueQuantity?.value ?? null}
          onChange={(value) => onAnswer(value === null ? undefined : { valueQuantity: { value, unit: display, system, code } })}
        />
      );
    }
    case "date":
      return <Input {...common} type="date" {...text("valueDate")} />;
    case "time":
      return <Input {...common} type="time" {...text("valueTime")} />;
    case "dateTime":
      return (
        <Input
          {...common} type="datetime-local" value={localOf(answer?.valueDateTime)}
          onChange={(event) => onAnswer(event.target.value ? { valueDateTime: instantOf(event.target.value) } : undefined)}
        />
      );
    case "text":
      return <Input.TextArea {...common} autoSize={{ minRows: 2, maxRows: 8 }} maxLength={item.maxLength} {...text("valueString")} />;
    case "url":
      return <Input {...common} type="url" {...text("valueUri")} />;
    default:
      return <Input {...common} maxLength={item.maxLength} {...text("valueString")} />;
  }
}
