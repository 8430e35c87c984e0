// Writing down a measurement: one question a page, then once more all of it, then it is kept. The server asks back where a
// value is unusual, and says what is to be done; its words are shown as they are.
import { useQueryClient } from "@tanstack/react-query";
import { useRef, useState } from "react";
import { useTranslation } from "react-i18next";
import { useParams } from "react-router";
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
  const [asked, setAsked] = useState<Parts | null>(null);
  const [kept, setKept] = useState<{ told: Parts; after: number } | null>(null);
  const [problem, setProblem] = useState<unknown>(null);
  const [busy, setBusy] = useState(false);
  // Of one instant, however often it is sent: where an answer was lost, the platform knows it again.
  const taken = useRef("");
  const question = kind.questions[at];
  const line = kind.line(answers, kind.choice?.answers[choice] ?? "");
  const send = async () => {
    setBusy(true);
    setProblem(null);
    try {
      // What is said about it comes after the newest of now: a telephone's clock is not the platform's.
      const newest = answered(await client.get<fhir4.Parameters>("$messages", { _count: 1 })).all("message")[0];
      const after = newest?.number("id") ?? 0;
      taken.current = asked?.text("at") || taken.current || client.now();
      const parameter = [{ name: "line", valueString: line }, ...again(asked), ...(taken.current ? [{ name: "at", valueDateTime: taken.current }] : [])];
      const told = answered(await client.post<fhir4.Parameters>(`Patient/${person.id}/$add-reading`, { resourceType: "Parameters", parameter }));
      if (told.text("state") === "asked") setAsked(told);
      else {
        setKept({ told, after });
        await queries.invalidateQueries({ queryKey: ["readings"] });
      }
    } catch (error) {
      setProblem(error);
    } finally {
      setBusy(false);
    }
  };
  const back = (to: number) => {
    taken.current = "";
    setAsked(null);
    setProblem(null);
    setAt(to);
  };
  if (kept) return <Kept told={kept.told} after={kept.after} />;
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
      <Fault error={problem} />
      <div className="steps">
        <button type="button" className="button" onClick={() => { setChoice(""); back(0); }}>{t("change")}</button>
        <button type="button" className="button first" disabled={busy} aria-busy={busy} onClick={() => void send()}>{t(asked ? "sure" : "keep")}</button>
      </div>
    </Card>
  );
}

/** As Chinese keyboards write figures, put as the server reads them. */
const plain = (typed: string): string => typed.normalize("NFKC").replace("。", ".");

const isNumber = (typed: string): boolean => /^\s*\d+(\.\d+)?\s*$/.test(typed);

/** What the question before gave, to say that it is right. */
function again(asked: Parts | null): fhir4.ParametersParameter[] {
  const confirm = asked?.text("confirm");
  return confirm ? [{ name: "confirm", valueString: confirm }] : [];
}
