// The one way a form is drawn: a FHIR Questionnaire in, a QuestionnaireResponse out. Faults stand beside their fields; what
// was typed stays; the keyboard alone suffices. What an answer means, and whether it may be, the platform decides.
import { Button, Flex } from "antd";
import { useEffect, useId, useRef, useState, type FormEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Problem } from "~/fhir/client";
import { ProblemBox } from "./ProblemBox";
import { Items } from "./questionnaire/Items";
import { empty, filledFrom, isAsked, responseOf, wanting, type Faults, type Filled } from "./questionnaire/filling";

interface Shown {
  questionnaire: fhir4.Questionnaire;
  /** What stands in it already. */
  begun?: fhir4.QuestionnaireResponse;
  /** What sends it, such as a mutation. What the platform names a question of stands beside it, else above the button. */
  sending: { mutate: (response: fhir4.QuestionnaireResponse) => void; isPending: boolean; error: unknown };
  onChange?: (response: fhir4.QuestionnaireResponse) => void;
  readOnly?: boolean;
  autoFocus?: boolean;
  done?: string;
  danger?: boolean;
  /** Beside the button: such as one that gives up. */
  actions?: ReactNode;
  /** Above the button: such as what is asked back. */
  children?: ReactNode;
}

const FIRST = "input:not([type=radio]):not(:disabled), input:checked, textarea";
const WRONG = "[aria-invalid=true], [data-wrong] input";

export function QuestionnaireForm({ questionnaire, begun, sending, onChange, readOnly, autoFocus, done, danger, actions, children }: Shown) {
  const { t } = useTranslation();
  const id = useId();
  const place = useRef<HTMLFormElement>(null);
  const items = questionnaire.item ?? [];
  const [filled, setFilled] = useState<Filled[]>(() => (begun ? filledFrom(items, begun.item) : empty(items)));
  const [own, setOwn] = useState<Faults>({});
  const { error } = sending;
  const issues = error instanceof Problem ? error.issues : [];
  const placed = issues.filter((one) => isAsked(one.at, items, filled));
  const faults = { ...Object.fromEntries(placed.map((one) => [one.at, one.text])), ...own };
  const response = (of: Filled[]) => responseOf(questionnaire, of, new Date().toISOString());
  const focus = (what: string) => place.current?.querySelector<HTMLElement>(what)?.focus();
  useEffect(() => {
    if (autoFocus) focus(FIRST);
  }, [autoFocus]);
  useEffect(() => {
    if (error || Object.keys(own).length) focus(WRONG);
  }, [error, own]);
  const send = (event: FormEvent) => {
    event.preventDefault();
    if (sending.isPending) return;
    const found = wanting(items, filled, (item) => t("ui.wanting", { what: item.text ?? item.linkId }));
    setOwn(found);
    if (Object.keys(found).length === 0) sending.mutate(response(filled));
  };
  const change = (to: Filled[]) => {
    setFilled(to);
    onChange?.(response(to));
  };
  return (
    <form
      ref={place} onSubmit={send} noValidate aria-label={questionnaire.title}
      onKeyDown={(event) => {
        if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey)) return;
        event.preventDefault();
        event.currentTarget.requestSubmit();
      }}
    >
      <Flex vertical gap={4}>
        <Items items={items} filled={filled} all={filled} at="" form={id} faults={faults} readOnly={readOnly} onChange={change} />
        {children}
        <ProblemBox error={placed.length > 0 && placed.length === issues.length ? null : error} />
        {readOnly ? null : (
          <Flex gap={8} wrap style={{ marginTop: 8 }}>
            <Button type="primary" htmlType="submit" danger={danger} loading={sending.isPending}>{done ?? t("ui.save")}</Button>
            {actions}
          </Flex>
        )}
      </Flex>
    </form>
  );
}
