// What waits for an answer: of me, and of those whom I asked.
import { useMutation } from "@tanstack/react-query";
import { useState } from "react";
import { useTranslation } from "react-i18next";
import type { Parts } from "~/fhir/parameters";
import { useMe } from "~/portal/session";
import { comma } from "~/ui/joining";
import { minuteOf } from "~/ui/time";
import { Fault } from "~/ui/plain/Fault";
import { Switch } from "~/ui/plain/Switch";
import { about, switched } from "./rights";

interface Waiting {
  ask: Parts;
  done: () => Promise<void>;
}

/** Somebody asks me. */
export function Asked({ ask, done }: Waiting) {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const { own } = useMe();
  const wanted = ask.values<string>("right");
  const [given, setGiven] = useState(wanted);
  const name = ask.text("name");
  const answer = useMutation({
    mutationFn: (rights: string[]) => own.post("$family-answer", about({ ask: ask.text("ask") }, rights)),
    onSuccess: done,
  });
  return (
    <section className="card">
      <h2>{t("asks", { name, relation: t(`relation.${ask.text("relation")}`) })}</h2>
      {wanted.map((right) => (
        <Switch key={right} label={t(`can.${right}`, { name })} on={given.includes(right)} onSwitch={() => setGiven(switched(given, right))} />
      ))}
      <p className="hint">{t("alone")}</p>
      <Fault error={answer.error} />
      <div className="steps">
        <button type="button" className="button" disabled={answer.isPending} onClick={() => answer.mutate([])}>{t("refuse")}</button>
        <button type="button" className="button first" disabled={answer.isPending || !given.length} onClick={() => answer.mutate(given)}>{t("agree")}</button>
      </div>
    </section>
  );
}

/** I asked somebody, who has not answered. */
export function Asking({ ask, done }: Waiting) {
  const { t } = useTranslation("translation", { keyPrefix: "family" });
  const { own } = useMe();
  const withdraw = useMutation({
    mutationFn: () =>
      own.post("$family-answer", {
        resourceType: "Parameters",
        parameter: [{ name: "ask", valueString: ask.text("ask") }, { name: "withdraw", valueBoolean: true }],
      }),
    onSuccess: done,
  });
  return (
    <section className="card">
      <h3>{t(`waiting.${ask.text("way")}`)}</h3>
      <p>{ask.values<string>("right").map((right) => t(`may.${right}`)).join(comma())}</p>
      <p className="hint">{t("waits", { time: minuteOf(ask.text("until")) })}</p>
      <Fault error={withdraw.error} />
      <button type="button" className="button" disabled={withdraw.isPending} onClick={() => withdraw.mutate()}>{t("withdraw")}</button>
    </section>
  );
}
