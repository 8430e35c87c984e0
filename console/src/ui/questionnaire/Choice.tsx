// A choice: of options in the form, or of a value set that the platform expands. Few are all shown, many are searched.
import { useQuery } from "@tanstack/react-query";
import { Checkbox, Radio, Select } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import type { FieldShown } from "./Field";
import { optionAnswer, wordsOf, type Answer } from "./filling";

const FEW = 6;
const SHORT = 20; // letters: longer words stand one below the other
const ASKED = 50;

export function Choice({ item, id, answers, wrong, readOnly, onChange }: FieldShown) {
  const { t } = useTranslation();
  const client = useClient();
  const [filter, setFilter] = useState("");
  const expanded = useQuery({
    queryKey: ["expand", item.answerValueSet, filter],
    enabled: item.answerValueSet !== undefined,
    queryFn: () => client.get<fhir4.ValueSet>("ValueSet/$expand", { url: item.answerValueSet, filter, count: ASKED }),
  });
  const offered: Answer[] = item.answerValueSet
    ? (expanded.data?.expansion?.contains ?? []).map(({ system, code, display }) => ({ valueCoding: { system, code, display } }))
    : (item.answerOption ?? []).map(optionAnswer);
  const isOpen = item.type === "open-choice";
  const known = new Map([...offered, ...answers].map((one) => [keyOf(one), one]));
  const options = [...known].map(([value, one]) => ({ value, label: wordsOf(one) }));
  const take = (keys: string[]) => onChange(keys.flatMap((key): Answer | Answer[] => known.get(key) ?? (isOpen && key.trim() ? [{ valueString: key.trim() }] : [])));
  const chosen = answers.map(keyOf);
  if (!item.answerValueSet && !isOpen && offered.length <= FEW) {
    return item.repeats ? (
      <Checkbox.Group aria-label={item.text} disabled={readOnly} options={options} value={chosen} onChange={(keys) => take(keys)} />
    ) : (
      <Radio.Group
        id={id} aria-label={item.text} disabled={readOnly} vertical={options.some((one) => one.label.length > SHORT)} value={chosen[0] ?? ""} onChange={(event) => take([event.target.value as string])}
        options={item.required ? options : [...options, { value: "", label: t("ui.not-said") }]}
      />
    );
  }
  const several = item.repeats || isOpen;
  return (
    <Select
      id={id} aria-label={item.text} aria-invalid={wrong || undefined} disabled={readOnly} allowClear options={options} style={{ width: "100%" }}
      mode={isOpen ? "tags" : item.repeats ? "multiple" : undefined} maxCount={several && !item.repeats ? 1 : undefined}
      showSearch={{ optionFilterProp: "label", filterOption: !item.answerValueSet || undefined, onSearch: item.answerValueSet ? setFilter : undefined }}
      loading={expanded.isFetching} notFoundContent={expanded.isError ? t("ui.status.0") : t("ui.nothing-found")}
      value={several ? chosen : (chosen[0] ?? null)}
      onChange={(value: string | string[] | null) => take(value === null || value === undefined ? [] : [value].flat())}
    />
  );
}

const keyOf = (answer: Answer): string => {
  const coding = answer.valueCoding;
  return coding ? `${coding.system ?? ""}|${coding.code ?? ""}` : wordsOf(answer);
};
