// Writing down a measurement: one question a page, then once more all of it, then it is kept. The server asks back where a
// value is unusual, and says what is to be done; its words are shown as they are.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
import { useReading } from "~/fhir/addReading";
import { answered, type Parts } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Question } from "~/ui/plain/Question";
import { Card, Empty } from "~/ui/plain/parts";
import { Kept } from "./Kept";
import { KINDS, type Kind } from "./kinds";

export default function AddReading() {
  const { kind: name } = useParams();
  const { t } = useTranslation();
  const kind = KINDS.find((one) => one.name === name);
  return kind ? <Asking kind={kind} /> : <Empty say={t("ui.status.404")} />;
}

function Asking({ kind }: { kind: Kind }) {
  const { t } = useTranslation("translation", { keyPrefix: "readings" });
  const { client, person } = useMe();
  const queries = useQueryClient();
  const [at, setAt] = useState(0);
  const [answers, setAnswers] = useState<string[]>(kind.questions.map(() => ""));
  const [choice, setChoice] = useState("");
  const { asked, ...reading } = useReading(client, person.id);
  const question = kind.questions[at];
  const line = kind.line(answers, kind.choice?.answers[choice] ?? "");
  const keeping = useMutation({
    mutationFn: async (typed: string) => {
      // What is said about it comes after the newest of now: a telephone's clock is not the platform's.
      const newest = answered(await client.get<fhir4.Parameters>("$messages", { _count: 1 })).all("message")[0];
      return { told: await reading.send(typed), after: newest?.number("id") ?? 0 };
    },
    onSuccess: async ({ told }) => {
      if (!isAsked(told)) await queries.invalidateQueries({ queryKey: ["readings"] });
    },
  });
  const back = (to: number) => {
    reading.forget();
    keeping.reset();
    setAt(to);
  };
  if (keeping.data && !isAsked(keeping.data.told)) return <Kept told={keeping.data.told} after={keeping.data.after} />;
  if (question) {
    return (
      <Card>
        <Question
          key={question.name} ask={t(`ask.${question.name}`)} hint={t(`hint.${question.name}`, { defaultValue: "" })} unit={question.unit}
          value={answers[at] ?? ""} inputMode="decimal" autoComplete="off" maxLength={7} wrong={(value) => (isNumber(value) ? undefined : t("numberOnly"))}
          onChange={(value) => setAnswers(answers.map((one, place) => (place === at ? plain(value) : one)))}
          next={t("next")} onNext={() => back(at + 1)} back={at > 0 ? { say: t("before1"), go: () => back(at - 1) } : undefined}
        />
        {question.optional ? <button type="button" className="button quiet" onClick={() => back(at + 1)}>{t("skip")}</button> : null}
      </Card>
    );
  }
  if (kind.choice && !choice) {
    return (
      <Card title={t(`ask.${kind.choice.name}`)}>
        {Object.keys(kind.choice.answers).map((one) => <button key={one} type="button" className="button" onClick={() => setChoice(one)}>{t(`${kind.choice?.name}.${one}`)}</button>)}
        <button type="button" className="button quiet" onClick={() => back(at - 1)}>{t("before1")}</button>
      </Card>
    );
  }
  return (
    <Card title={t("right")}>
      <dl className="facts">
        {kind.questions.map((one, place) => (answers[place] ? <div key={one.name}><dt>{t(`name.${one.name}`)}</dt><dd className="value">{answers[place]} {one.unit}</dd></div> : null))}
        {choice ? <div><dt>{t(`name.${kind.choice?.name}`)}</dt><dd className="value">{t(`${kind.choice?.name}.${choice}`)}</dd></div> : null}
      </dl>
      {(asked?.values<string>("question") ?? []).map((one) => <p key={one} className="shown" role="alert">{one}</p>)}
      <Fault error={keeping.error} />
      <div className="steps">
        <button type="button" className="button" disabled={keeping.isPending} onClick={() => { setChoice(""); back(0); }}>{t("change")}</button>
        <button type="button" className="button first" disabled={keeping.isPending} aria-busy={keeping.isPending} onClick={() => keeping.mutate(line)}>{t(asked ? "sure" : "keep")}</button>
      </div>
    </Card>
  );
}

/** As Chinese keyboards write figures, put as the server reads them. */
const plain = (typed: string): string => typed.normalize("NFKC").replace("。", ".");

const isNumber = (typed: string): boolean => /^\s*\d+(\.\d+)?\s*$/.test(typed);

const isAsked = (told: Parts): boolean => told.text("state") === "asked";
