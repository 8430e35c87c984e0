// What somebody does about an alarm: he answers, asks for help, notes, hands over, closes. What was typed stays on an error.
import { useMutation, useQuery } from "@tanstack/react-query";
import { App, Card } from "antd";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useClient } from "~/fhir/context";
import { answered, parameters, saidIn, type Parts } from "~/fhir/parameters";
import { QuestionnaireForm } from "~/ui/QuestionnaireForm";
import { choice, question, questionnaire, when, type Words } from "~/ui/questionnaire/asking";
import type { Alarm } from "./alarm";

const STEPS = ["acknowledge", "close", "note", "escalate", "hand-over"] as const;
const OUTCOMES = ["contacted", "medicine-changed", "appointment", "emergency", "false-alarm", "unreachable"] as const;
const MINUTES = [10, 30, 60] as const;
type Step = (typeof STEPS)[number];

/** first: the step that is chosen already; now: the one that is chosen now; staff: absent while it is still asked for. */
const steps = (t: Words, first: Step, now: Step, staff?: [string, string][]) => [
  choice("step", t("what-to-do"), STEPS.map((one) => [one, t(`step.${one}`)]), { required: true, first, help: t(`step-say.${now}`) }),
  choice("outcome", t("outcome-ask"), OUTCOMES.map((one) => [one, t(`outcome.${one}`)]), { required: true, ...when("step", "close") }),
  question("minutes", "choice", t("promise"), { answerOption: MINUTES.map((valueInteger) => ({ valueInteger })), ...when("step", "acknowledge") }),
  choice("to", t("to"), staff ?? [], { required: true, help: staff?.length === 0 ? t("to-none") : undefined, ...when("step", "hand-over") }),
];

const words = (t: Words, now: Step) =>
  question("words", "text", t(now === "close" ? "call-words" : "words"), { required: now === "note" || now === "escalate", maxLength: 1000, entryFormat: t("words-say") });

export function Answer({ alarm, person, onDone }: { alarm: Alarm; person: Parts | undefined; onDone: () => void }) {
  const { t } = useTranslation("translation", { keyPrefix: "alarms" });
  const client = useClient();
  const { message } = App.useApp();
  const closed = alarm.state === "closed";
  const [first, setFirst] = useState<Step>(alarm.state === "acknowledged" ? "close" : "acknowledge");
  const [chosen, setChosen] = useState(first);
  const [round, setRound] = useState(0);
  const staff = useStaff(person, chosen === "hand-over");
  const now = closed ? "note" : chosen;
  const acting = useMutation({
    mutationFn: (response: fhir4.QuestionnaireResponse) => {
      const { step = "note", ...said } = saidIn(response);
      return client.post<fhir4.Parameters>(`$${step}`, parameters({ id: alarm.id, ...said }));
    },
    onSuccess: (_, response) => {
      const { step = "note" } = saidIn<{ step: Step }>(response);
      void message.success(t(`done.${step}`));
      const next = step === "acknowledge" ? "close" : step;
      setFirst(next);
      setChosen(next);
      setRound(round + 1);
      onDone();
    },
  });
  const changed = (response: fhir4.QuestionnaireResponse) => {
    const to = saidIn<{ step: Step }>(response).step ?? now;
    if (to !== now) acting.reset();
    setChosen(to);
  };
  const asked = questionnaire(t("what-to-do"), [...(closed ? [] : steps(t, first, now, staff)), words(t, now)]);
  return (
    <Card size="small">
      <QuestionnaireForm key={round} questionnaire={asked} sending={acting} onChange={changed} done={t(`step.${now}`)} />
    </Card>
  );
}

/** Staff of the desk's institution, the resident's own doctor and nurse first. */
function useStaff(person: Parts | undefined, enabled: boolean): [string, string][] | undefined {
  const client = useClient();
  const duty = useQuery({ queryKey: ["duty"], queryFn: () => client.get<fhir4.Parameters>("$duty"), enabled });
  const own = ["doctor", "nurse"].flatMap((part) => person?.values<fhir4.Reference>(part) ?? []);
  const staff = answered(duty.data).values<fhir4.Reference>("staff");
  if (duty.isPending) return undefined;
  return [...new Map([...own, ...staff].map((one) => [one.reference ?? "", one.display ?? one.reference ?? ""]))];
}
