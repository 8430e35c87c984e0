// The one way a form is drawn: a FHIR Questionnaire in, a QuestionnaireResponse out. Faults stand beside their fields; the
// keyboard alone suffices. What an answer means, and whether it may be, the platform decides.
import { Button, Flex } from "antd";
import { useId, useRef, useState, type FormEvent, type ReactNode } from "react";
import { useTranslation } from "react-i18next";
import { Items } from "./questionnaire/Items";
import { empty, filledFrom, responseOf, wanting, type Faults, type Filled } from "./questionnaire/filling";

interface Shown {
  questionnaire: fhir4.Questionnaire;
  /** What stands in it already. */
  begun?: fhir4.QuestionnaireResponse;
  onDone: (response: fhir4.QuestionnaireResponse) => void | Promise<void>;
  /** What the platform found wrong, by linkId. */
  faults?: Faults;
  busy?: boolean;
  readOnly?: boolean;
  done?: string;
  /** Beside the button: such as one that gives up. */
  actions?: ReactNode;
}

export function QuestionnaireForm({ questionnaire, begun, onDone, faults, busy, readOnly, done, actions }: Shown) {
  const { t } = useTranslation();
  const id = useId();
  const place = useRef<HTMLFormElement>(null);
  const items = questionnaire.item ?? [];
  const [filled, setFilled] = useState<Filled[]>(() => (begun ? filledFrom(items, begun.item) : empty(items)));
  const [own, setOwn] = useState<Faults>({});
  const send = (event: FormEvent) => {
    event.preventDefault();
    const found = wanting(items, filled, (item) => t("ui.wanting", { what: item.text ?? item.linkId }));
    setOwn(found);
    if (Object.keys(found).length === 0) {
      void onDone(responseOf(questionnaire, filled, new Date().toISOString()));
      return;
    }
    requestAnimationFrame(() => place.current?.querySelector<HTMLElement>("[aria-invalid=true], [data-wrong] input")?.focus());
  };
  return (
    <form ref={place} onSubmit={send} noValidate aria-label={questionnaire.title}>
      <Flex vertical gap={4}>
        <Items items={items} filled={filled} all={filled} at="" form={id} faults={{ ...faults, ...own }} readOnly={readOnly} onChange={setFilled} />
        {readOnly ? null : (
          <Flex gap={8} style={{ marginTop: 8 }}>
            <Button type="primary" htmlType="submit" loading={busy}>{done ?? t("ui.save")}</Button>
            {actions}
          </Flex>
        )}
      </Flex>
    </form>
  );
}
