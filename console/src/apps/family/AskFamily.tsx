// Asking a member of the family, one question a page: by his telephone, or with digits for a desk.
import { useMutation, useQueryClient } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import { Link } from "react-router";
import { answered } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { Fault } from "~/ui/plain/Fault";
import { Question } from "~/ui/plain/Question";
import { Card } from "~/ui/plain/parts";
import { Switch } from "~/ui/plain/Switch";
import { RIGHTS, about, switched } from "./rights";

const RELATIONS = ["CHILD", "SPS", "PRN", "SIB", "GRNDCHILD", "GRPRN", "GUARD", "FAMMEMB"];
type Step = "way" | "name" | "phone" | "relation" | "rights";

export default function AskFamily() {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const { own } = useMe();
  const queries = useQueryClient();
  const [step, setStep] = useState<Step>("way");
  const [byPhone, setByPhone] = useState(true);
  const [name, setName] = useState("");
  const [phone, setPhone] = useState("");
  const [relation, setRelation] = useState("");
  const [rights, setRights] = useState<string[]>([]);
  const ask = useMutation({
    mutationFn: () =>
      own.post<fhir4.Parameters>("$family-ask", about(byPhone ? { name: name.trim(), phone: phone.replace(/\s/g, ""), relation } : { relation }, rights)),
    onSuccess: () => queries.invalidateQueries({ queryKey: ["family"] }),
  });
  if (ask.isSuccess) return <Sent name={name} digits={answered(ask.data).text("digits")} />;
  const before = (to: Step) => ({ say: t("before"), go: () => setStep(to) });
  switch (step) {
    case "way":
      return (
        <Choose
          ask={t("hasPhone")} answers={[["yes", t("hasPhoneYes")], ["no", t("hasPhoneNo")]]}
          onChoose={(one) => {
            setByPhone(one === "yes");
            setStep(one === "yes" ? "name" : "relation");
          }}
        />
      );
    case "name":
      return <Question ask={t("theirName")} value={name} onChange={setName} next={t("next")} onNext={() => setStep("phone")} back={before("way")} autoComplete="off" maxLength={100} />;
    case "phone":
      return <Question key="phone" ask={t("theirPhone", { name })} hint={t("phoneHint")} value={phone} onChange={setPhone} next={t("next")} onNext={() => setStep("relation")} back={before("name")} inputMode="tel" autoComplete="off" maxLength={20} />;
    case "relation":
      return (
        <Choose
          ask={t("whoAmI")} answers={RELATIONS.map((one) => [one, t(`iAm.${one}`)])} back={before(byPhone ? "phone" : "way")}
          onChoose={(one) => {
            setRelation(one);
            setStep("rights");
          }}
        />
      );
    case "rights":
      return (
        <Card title={t("whatFor")}>
          {RIGHTS.map((right) => (
            <Switch key={right} label={t(`may.${right}`)} on={rights.includes(right)} onSwitch={() => setRights(switched(rights, right))} />
          ))}
          <p className="hint">{t("theyDecide")}</p>
          <Fault error={ask.error} />
          <div className="steps">
            <button type="button" className="button" onClick={() => setStep("relation")}>{t("before")}</button>
            <button type="button" className="button first" disabled={!rights.length || ask.isPending} aria-busy={ask.isPending} onClick={() => ask.mutate()}>{t("send")}</button>
          </div>
        </Card>
      );
  }
}

interface Chosen {
  ask: string;
  answers: [string, string][];
  onChoose: (answer: string) => void;
  back?: { say: string; go: () => void };
}

function Choose({ ask, answers, onChoose, back }: Chosen) {
  return (
    <section className="question" aria-label={ask}>
      <p className="value">{ask}</p>
      {answers.map(([answer, words]) => <button key={answer} type="button" className="button" onClick={() => onChoose(answer)}>{words}</button>)}
      {back ? <button type="button" className="button quiet" onClick={back.go}>{back.say}</button> : null}
    </section>
  );
}

function Sent({ name, digits }: { name: string; digits: string }) {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  return (
    <Card title={t(digits ? "sentDesk" : "sent")}>
      {digits ? <p className="digits">{digits}</p> : null}
      <p role="status">{digits ? t("bringDigits") : t("sentTo", { name })}</p>
      <Link className="button first" to="/family">{t("toFamily")}</Link>
    </Card>
  );
}
